/** Short ways to the values that the presence tests are about. */
import type { Address } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { Subscriptions } from '../../../src/presence/subscriptions.ts'
import { Presentities } from '../../../src/presence/tuples.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

export const address = (text: string): Address => {
  const [user = '', domain = ''] = text.split('@')
  return { user, domain: domain as Domain, text }
}

export const domain = (text: string): Domain => text as Domain

/** Sixteen characters that are told apart by `name`. */
export const id = (name: string | number): string => String(name).padEnd(16, '.')

export const body = (tuples: Readonly<Record<string, unknown>>): Buffer =>
  Buffer.from(JSON.stringify({ tuples }))

export const open = (id = 'phone'): Buffer => body({ [id]: { basic: 'open' } })

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

export const closedDocument = '{"tuples":{"default":{"basic":"closed"}}}'

export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute

export const alice = address('alice@a.example')
export const bob = address('bob@b.example')
export const carol = address('carol@c.example')

export const snapshotMs = 30 * second

export type Sent = {
  readonly id: string
  readonly watcher: string
  readonly document: string
  readonly bytes: Buffer
  readonly seq: number
  readonly epoch: number
  readonly at: number
}

/** The presentities of one domain and who watches them, with everything that goes out written down. */
export function makeAuthority(overrides: Partial<Limits> = {}, seed = 1) {
  const clock = new ManualClock()
  const limits = limitsWith(overrides)
  const meter = new Meter()
  const changes: string[] = []
  const sent: Sent[] = []
  const presentities: Presentities = new Presentities({
    clock,
    limits,
    meter,
    random: seededRandom(seed),
    changed: (presentity) => {
      changes.push(presentity.text)
      subscriptions.changed(presentity)
    },
  })
  const subscriptions: Subscriptions = new Subscriptions({
    clock,
    limits,
    meter,
    snapshotMs,
    presence: (presentity) => presentities.presence(presentity),
    notify: ({ id, watcher }, bytes, { epoch, seq }) => {
      const at = clock.now()
      sent.push({ id, watcher: watcher.text, document: text(bytes), bytes, epoch, seq, at })
    },
  })
  return { clock, limits, meter, changes, sent, presentities, subscriptions }
}

/** Publishes as the presentity itself. */
export function publish(
  presentities: Presentities,
  presentity: Address,
  {
    ifMatch,
    etag,
    leaseSeconds = 3600,
    document,
    publisher = presentity,
  }: {
    readonly ifMatch?: string
    readonly etag?: string
    readonly leaseSeconds?: number
    readonly document?: Uint8Array
    readonly publisher?: Address
  },
) {
  return presentities.publish({ publisher, presentity, ifMatch, etag, leaseSeconds, document })
}
