/** A key store, a clock that is moved by hand, and a publisher that answers what the test says. */
import { createKeyStore, type KeyStoreNeeds } from '../../src/credential/key-store.ts'
import type { Facts } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { limitsWith } from '../../src/limits.ts'
import { forgeKeySet, type SetChange } from './forge-key-set.ts'
import { ManualClock } from './manual-clock.ts'
import { seededRandom } from './seeded-random.ts'
import { vectorNow } from './token-vectors.ts'

export type Answer = (domain: string, signal: AbortSignal) => Promise<Buffer>

export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute

export function keyStoreBench(overrides: Partial<KeyStoreNeeds> = {}) {
  const clock = new ManualClock(vectorNow * 1000)
  const meter = new Meter()
  const fetched: string[] = []
  const events: { readonly event: string; readonly facts: Facts | undefined }[] = []
  const changed: string[] = []
  const note = (event: string, facts?: Facts) => {
    events.push({ event, facts })
    return undefined
  }
  const now = () => Math.floor(clock.wall() / 1000)
  const bench = {
    clock,
    meter,
    fetched,
    events,
    changed,
    /** What the far side answers; tests put another function here. */
    answer: (async (domain) => forgeKeySet({ now: vectorNow, domain })) as Answer,
    /** The far side answers with this set from now on. */
    publish: (what: Omit<SetChange, 'now'>) => {
      const body = forgeKeySet({ now: now(), ...what })
      bench.answer = async () => body
    },
    names: () => events.map(({ event }) => event),
  }
  const store = createKeyStore({
    fetch: (domain, signal) => {
      fetched.push(domain)
      return bench.answer(domain, signal)
    },
    pinned: new Map(),
    discontinuity: 'accept',
    clock,
    random: seededRandom(1),
    limits: limitsWith(),
    meter,
    log: { debug: note, info: note, warn: note, error: note },
    ...overrides,
  })
  store.onChange((domain) => {
    changed.push(domain)
  })
  return Object.assign(bench, { store })
}
