/** Act four: what does not arrive is said, with whose side it is and what to do: a user who is away, a gateway that is. */
import { type Address, makeAddress } from '../address/address.ts'
import { outcomeText } from '../cli/outcome-text.ts'
import { GatewayError, isSuccess } from '../errors.ts'
import type { Stage } from './stage.ts'

export async function showFailures(stage: Stage): Promise<undefined> {
  const { told, host, world } = stage
  const { a, b, c } = world
  told.heading('What does not arrive is said, and why')
  told.line(`erin@${b.domain} is not attached to her gateway:`)
  await fail(stage, makeAddress('erin', b.domain))
  told.line(`${c.domain} is in DNS, but its gateway is not running:`)
  const mallory = makeAddress('mallory', c.domain)
  await fail(stage, mallory)
  const explain = `${host.typed} explain ${mallory.text} --config ${a.configFile}`
  told.line(told.paint('dim', 'The next step is in the answer. Here it would be:'))
  told.line(told.paint('cyan', explain))
}

async function fail({ told, alice }: Stage, to: Address): Promise<undefined> {
  const result = await alice.client.send({ to, body: 'Are you there?' })
  if (isSuccess(result.status)) {
    throw new GatewayError('internal', `expected no way to ${to.text}, found ${result.status}`)
  }
  told.line(`   ${outcomeText(result, told.paint, result.id)}`)
}
