/**
 * Everything that acts in the demo: two gateways in processes of their own, and a user of each.
 *
 * In:    the world.
 * Out:   gateways that run, users who are attached and tell what they hear.
 * Fails: as a gateway that does not start; as attaching.
 */

import { makeAddress } from '../address/address.ts'
import type { Host } from '../cli/host.ts'
import { noticeText } from '../cli/presence-text.ts'
import { withProgress } from '../cli/progress.ts'
import { type Client, connectClient } from '../client/client.ts'
import type { ReceivedMessage } from '../client/incoming.ts'
import type { PresenceNotice } from '../client/presence.ts'
import { generateKeyPair } from '../credential/ed25519.ts'
import { signCredential } from '../credential/sign.ts'
import { printable } from '../lib/printable.ts'
import { limitsWith } from '../limits.ts'
import { scopes } from '../wire/registry.ts'
import { Child } from './child.ts'
import { Heard } from './heard.ts'
import { type Metrics, scrape } from './metrics.ts'
import type { Transcript } from './transcript.ts'
import type { Place, World } from './world.ts'

export type User = {
  readonly client: Client
  readonly messages: Heard<ReceivedMessage>
  readonly notices: Heard<PresenceNotice>
  /** Watches, and tells each change. */
  readonly watch: (presentity: Client['user']) => undefined
}

export type Stage = {
  readonly host: Host
  readonly world: World
  readonly told: Transcript
  readonly alice: User
  readonly bob: User
  readonly metrics: () => Promise<{ readonly a: Metrics; readonly b: Metrics }>
}

export type Gateways = { readonly a: Child; readonly b: Child }

/** Resolves when both have opened their ports. */
export async function startGateways(
  host: Host,
  { a, b }: World,
  told: Transcript,
): Promise<Gateways> {
  const started = host.clock.now()
  const start = ({ domain, configFile }: Place): Child =>
    new Child(
      `the gateway of ${domain}`,
      host.again,
      ['run', '--config', configFile, '--exit-with-parent'],
      host.clock,
    )
  const gateways = { a: start(a), b: start(b) }
  const ready = [gateways.a, gateways.b].map((child) =>
    child.line(({ event }) => event === 'gateway.started'),
  )
  try {
    await withProgress(host, 'starting two gateways', Promise.all(ready))
  } catch (error) {
    await Promise.all([gateways.a.stop(), gateways.b.stop()])
    throw error
  }
  const row = ({ domain, address, peerPort }: Place, { pid }: Child) => [
    `gateway of ${domain}`,
    `${address}:${peerPort}`,
    `process ${pid}`,
  ]
  told.table([row(a, gateways.a), row(b, gateways.b)])
  told.line(`both ready after ${Math.round(host.clock.now() - started)} ms`)
  return gateways
}

/** A user whose key the domain vouches for, as any user of a directory of kind `any`. */
export async function attachUser(
  host: Host,
  { ca }: World,
  { name, place, told }: { name: string; place: Place; told: Transcript },
): Promise<User> {
  const { clock, random } = host
  const user = makeAddress(name, place.domain)
  const key = generateKeyPair(random)
  const needs = { domain: place.domain, userKey: place.key, clock, random, limits: limitsWith() }
  const facts = { sub: user, aud: place.domain, scope: scopes, seconds: undefined }
  const messages = new Heard<ReceivedMessage>(clock)
  const notices = new Heard<PresenceNotice>(clock)
  const client = await connectClient({
    ...{ user, key, host: place.address, port: place.clientPort, ca: [ca], clock, random },
    credential: async () => signCredential(needs, { ...facts, jkt: key.publicKey.thumbprint }),
    onMessage: (message) => {
      const { from, to, body } = message
      told.line(`${to.user} hears from ${from.text}: ${quoted(told, body)}`)
      messages.hear(message)
    },
  })
  const watch = (presentity: Client['user']): undefined => {
    client.subscribe(presentity, (notice) => {
      // Our own end of the client is no news of anybody.
      if (notice.reason === 'link-stopped') return
      told.line(`${name} is told: ${noticeText(notice, told.paint)}`)
      notices.hear(notice)
    })
  }
  return { client, messages, notices, watch }
}

const quoted = ({ paint }: Transcript, body: Buffer): string =>
  paint('cyan', `"${printable(body.toString())}"`)

export const metricsOf = async ({ a, b }: World) => {
  const [ofA, ofB] = await Promise.all([
    scrape(a.address, a.adminPort),
    scrape(b.address, b.adminPort),
  ])
  return { a: ofA, b: ofB }
}
