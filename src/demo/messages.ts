/** Act two: the first message opens the link and shows the credential; the others only refer to it. */
import type { Gateways, Stage, User } from './stage.ts'

export async function showMessages(stage: Stage, gateways: Gateways): Promise<undefined> {
  const { told, alice, bob, world } = stage
  told.heading('The first message opens the link')
  await say(stage, { from: alice, to: bob, text: 'Hello Bob, do you hear me?' })
  await showProofs(stage, gateways)
  await showCredential(stage, `${alice.client.user.text} was shown to ${world.b.domain}`)

  told.heading('Messages and their answers, over the same link')
  await say(stage, { from: bob, to: alice, text: 'Loud and clear. What is new?' })
  await say(stage, { from: alice, to: bob, text: 'Our servers talk to each other.' })
  await say(stage, { from: bob, to: alice, text: 'Without an account in common?' })
  await say(stage, { from: alice, to: bob, text: 'Without anything in common but DNS.' })
  await showCredential(stage, 'still')
}

type Saying = { readonly from: User; readonly to: User; readonly text: string }

/** Sends, and waits until it was heard: `delivered` is what the far session confirmed. */
export async function say(stage: Stage, { from, to, text }: Saying): Promise<undefined> {
  const { host, told } = stage
  const started = host.clock.now()
  const sending = from.client.send({ to: to.client.user, body: text })
  await to.messages.next(`the message "${text}"`, ({ body }) => body.toString() === text)
  const { status } = await sending
  const tookMs = (host.clock.now() - started).toFixed(1)
  const colour = status === 'delivered' ? 'green' : 'red'
  told.line(`${' '.repeat(3)}${told.paint(colour, status)} in ${tookMs} ms`)
}

/** Each gateway logs what convinced it. */
async function showProofs({ told, world }: Stage, { a, b }: Gateways): Promise<undefined> {
  const proven = (kind: string) => (line: Readonly<Record<string, unknown>>) =>
    line['event'] === 'link.proven' && line['kind'] === kind
  const [byCertificate, byKey] = await Promise.all([
    a.line(proven('certificate')),
    b.line(proven('key')),
  ])
  told.table([
    [
      world.a.domain,
      'dialled',
      String(byCertificate['peer']),
      'and believes',
      `${world.b.domain}:`,
      'certificate',
    ],
    [
      world.b.domain,
      'accepted',
      String(byKey['peer']),
      'and believes',
      `${world.a.domain}:`,
      'signed proof for this TLS channel, key fetched from its gateway',
    ],
  ])
}

async function showCredential({ told, metrics, world }: Stage, who: string): Promise<undefined> {
  const { b } = await metrics()
  const checked = b.sum('credential_checks_total', { result: 'ok' })
  const used = b.sum('messages_total', { direction: 'in' })
  told.line(
    `credential: ${who}: ${world.b.domain} verified ${checked}, and took ${used} by its number`,
  )
}
