/** Short ways to the values that the presence tests are about. */

import type { Address } from '../../../src/address/address.ts'
import type { Domain } from '../../../src/address/domain.ts'
import type { Env } from '../../../src/env.ts'
import { silentLog } from '../../../src/lib/log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { type Limits, limitsWith } from '../../../src/limits.ts'
import type { Asker, Call, Caller, Outcome } from '../../../src/operation/call.ts'
import type { Operation } from '../../../src/operation/operation.ts'
import type { Hop, Question, Reachability } from '../../../src/operation/ports.ts'
import type { Audience, Publish, Subscribe } from '../../../src/operation/presence.ts'
import { Presentities } from '../../../src/presence/notifier/presentities.ts'
import { Subscriptions } from '../../../src/presence/notifier/subscriptions.ts'
import { PresenceStage } from '../../../src/presence/presence.ts'
import { Ways } from '../../../src/presence/ways.ts'
import type { Account } from '../../../src/shares/account.ts'
import { ByteBudget } from '../../../src/shares/byte-budget.ts'
import type { Shares } from '../../../src/shares/shares.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { roomShares } from '../../support/room-shares.ts'
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

/** The name of the adapter by which everybody comes. */
export const via = 'peer'

/** Our users know known.example. `isShared`: time is shared out, too. */
export function makeEnv(overrides: Partial<Limits> = {}, seed = 1, isShared = false) {
  const clock = new ManualClock()
  const limits = limitsWith(overrides)
  const shares = roomShares(limits, isShared ? clock : new ManualClock(), ['known.example'])
  return {
    clock,
    random: seededRandom(seed),
    limits,
    meter: new Meter(),
    log: silentLog,
    held: new ByteBudget(0, shares),
    shares,
  } satisfies Env
}

/** Those of a.example and a2.example pay for themselves, others with their domain, each of which has a network. */
export const accountsIn =
  (shares: Shares) =>
  ({ domain, text }: Address): Account =>
    domain === 'a.example' || domain === 'a2.example'
      ? shares.tree.user(text)
      : shares.domain(domain, domain)

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
export function makeAuthority(overrides: Partial<Limits> = {}, seed = 1, isShared = false) {
  const env = makeEnv({ snapshotMs, ...overrides }, seed, isShared)
  const changes: string[] = []
  const sent: Sent[] = []
  /** Who was told that its subscription is over, and why. */
  const shed: string[] = []
  const ways = new Ways()
  const accountOf = accountsIn(env.shares)
  const presentities: Presentities = new Presentities(env, accountOf, (presentity) => {
    changes.push(presentity.text)
    subscriptions.changed(presentity)
  })
  const subscriptions: Subscriptions = new Subscriptions(env, ways, {
    presence: (presentity) => presentities.presence(presentity),
    accountOf,
    isGone: () => false,
    notify: (audience) => {
      const { presence, event } = audience.latest() ?? {}
      const watcher = audience.watcher(audience.id)
      if (watcher === undefined) throw new Error('nothing to tell')
      if (presence === undefined) {
        shed.push(`${watcher.text} ${event}`)
        return
      }
      const { document: bytes, version } = presence
      const at = env.clock.now()
      sent.push({
        id: audience.id,
        watcher: watcher.text,
        document: text(bytes),
        bytes,
        ...version,
        at,
      })
    },
  })
  env.shares.onFull('subscriptions', {
    shed: (account) => subscriptions.shed(account),
    isReplaceable: false,
  })
  return { ...env, changes, sent, shed, ways, presentities, subscriptions }
}

export type PublishWish = {
  readonly ifMatch?: string
  readonly entityTag?: string
  readonly leaseSeconds?: number
  readonly document?: Buffer
  readonly publisher?: Address
}

/** By the presentity itself, for an hour. */
export const makePublish = (
  presentity: Address,
  { ifMatch, entityTag, leaseSeconds = 3600, document, publisher = presentity }: PublishWish,
): Publish => ({
  kind: 'publish',
  publisher,
  presentity,
  ifMatch,
  entityTag,
  leaseSeconds,
  document,
  hops: 1,
})

export const publish = (
  presentities: Presentities,
  presentity: Address,
  wish: PublishWish,
): Outcome => presentities.publish(makePublish(presentity, wish))

export const makeSubscribe = (
  name: string,
  { watcher = bob, presentity = alice, leaseSeconds = 3600 as number | undefined } = {},
): Subscribe => ({ kind: 'subscribe', id: id(name), watcher, presentity, leaseSeconds, hops: 1 })

/** What an outcome says, in one line. */
export const told = ({ status, answer }: Outcome): string =>
  answer?.leaseSeconds === undefined ? status : `${status} ${answer.leaseSeconds}`

/** The word of a user of ours, or of another domain. */
export const callerOf = (user: Address, door: Caller['door'] = 'user', by = via): Caller => ({
  door,
  via: by,
  domain: user.domain,
  user: door === 'user' ? user : undefined,
  may: () => undefined,
})

/** Hands a call to a stage; its answers, of which there is to be one. */
export function ask<O extends Operation>(
  take: (call: Call<O>) => undefined,
  operation: O,
  caller: Caller,
): readonly Outcome[] {
  const outcomes: Outcome[] = []
  take({
    caller,
    operation,
    at: 0,
    answer: (outcome) => {
      outcomes.push(outcome)
    },
  })
  return outcomes
}

/** A request that was given to a hop, and how it is told its end. */
export type Task = {
  readonly operation: Question
  readonly ended: (outcome: Outcome) => undefined
}

/** A way to other domains that does what a test says. */
export class FakeHop implements Hop {
  readonly #ask: (task: Task) => undefined
  readonly #notify: Hop['notify']

  constructor(ask: (task: Task) => undefined, notify: Hop['notify']) {
    this.#ask = ask
    this.#notify = notify
  }

  deliver(): undefined {
    throw new Error('a message')
  }

  ask<O extends Question>(operation: O, asker: Asker<O>): undefined {
    this.#ask({ operation, ended: (outcome) => asker.ended(operation, outcome) })
  }

  notify(audience: Audience, only: string | undefined): undefined {
    this.#notify(audience, only)
  }
}

/** For tests in which nothing goes this way. */

/** The stage of a.example and a2.example between fake ports, with everything that goes out written down. */
export function makeStage(overrides: Partial<Limits> = {}, seed = 1) {
  const env = makeEnv(overrides, seed)
  const asked: Task[] = []
  const notified: Notified[] = []
  const atHome: Notified[] = []
  const shown: Shown[] = []
  /** Sessions that are not attached any more. */
  const gone = new Set<Caller>()
  /** Called at once by each notification to another domain. */
  const onNotify: { act: (audience: Audience, only: string) => undefined } = {
    act: () => undefined,
  }
  const note = (list: Notified[], audience: Audience, only = ''): undefined => {
    const { presence, event } = audience.latest() ?? {}
    if (presence === undefined && event === undefined) throw new Error('nothing to tell')
    const document = presence === undefined ? `${event}` : text(presence.document)
    list.push({ audience, only, document, at: env.clock.now() })
  }
  const stage = new PresenceStage(env, {
    accountOf: accountsIn(env.shares),
    isHosted: (name) => name === 'a.example' || name === 'a2.example',
    outside: new FakeHop(
      (task) => {
        asked.push(task)
      },
      (audience, only = '') => {
        note(notified, audience, only)
        onNotify.act(audience, only)
      },
    ),
    home: {
      isGone: (session) => gone.has(session),
      notify: (audience, only) => note(atHome, audience, only),
      show: (watcher, subscription, presentity, { state, event, presence }, only) => {
        const what = presence === undefined ? `${state} ${event ?? ''}` : text(presence.document)
        shown.push({ watcher, subscription, presentity, what: what.trim(), only })
      },
    },
  })
  return { ...env, stage, asked, notified, atHome, shown, gone, onNotify }
}

type Notified = {
  readonly audience: Audience
  readonly only: string
  readonly document: string
  readonly at: number
}

type Shown = {
  readonly watcher: Address
  readonly subscription: string
  readonly presentity: Address
  readonly what: string
  readonly only: Caller | undefined
}

export type Staged = ReturnType<typeof makeStage>

/** The one answer. */
export function answerOf(outcomes: readonly Outcome[]): Outcome {
  const [outcome, ...more] = outcomes
  if (outcome === undefined || more.length > 0) throw new Error(`${outcomes.length} answers`)
  return outcome
}

const up: Reachability = { isUp: true, isNew: false, restMs: 0 }

/** Says that there is a way to `remote`, or as `change` has it that there is none. */
export const reach = (
  { stage }: Staged,
  remote: Domain,
  change: Partial<Reachability> = {},
  { by = via, local = alice.domain } = {},
): undefined => stage.reachable(by, local, remote, { ...up, ...change })
