/** A client of alice@a.example and the scripted end that it attaches to, on one clock. */
import { type Client, type ClientOptions, connect } from '../../../src/client/client.ts'
import { generateKeyPair } from '../../../src/credential/ed25519.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { ScriptedGateway } from '../../support/scripted-gateway.ts'
import { seededRandom } from '../../support/seeded-random.ts'

export const alice = 'alice@a.example'
export const bob = 'bob@b.example'

export type Setting = {
  readonly clock: ManualClock
  readonly gateway: ScriptedGateway
  readonly options: ClientOptions
}

export function setting(
  options: Partial<ClientOptions> = {},
  { plain = false, limits = {} }: { plain?: boolean; limits?: Partial<Limits> } = {},
): Setting {
  const clock = new ManualClock()
  const random = seededRandom(7)
  const all = limitsWith(limits)
  const gateway = new ScriptedGateway({ clock, limits: all, plain })
  const key = generateKeyPair(random)
  const { connect: dial } = gateway
  return {
    clock,
    gateway,
    options: { user: alice, key, connect: dial, clock, random, limits: all, ...options },
  }
}

/** Attached. */
export async function attached(
  options: Partial<ClientOptions> = {},
  more: { plain?: boolean; limits?: Partial<Limits> } = {},
): Promise<Setting & { readonly client: Client }> {
  const set = setting(options, more)
  const opening = connect(set.options)
  await set.clock.advance(0)
  return { ...set, client: await opening }
}

/** What a promise came to, without waiting for it. */
export function watched<T>(promise: Promise<T>): {
  readonly value: () => T | undefined
  readonly error: () => unknown
} {
  let value: T | undefined
  let error: unknown
  promise.then(
    (result) => {
      value = result
    },
    (reason: unknown) => {
      error = reason
    },
  )
  return { value: () => value, error: () => error }
}
