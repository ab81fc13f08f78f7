/**
 * Why a domain can be reached or not, as one value: what `gatehouse explain` prints and the admin port answers.
 *
 * Plain JSON. Names of domains and addresses of gateways only: no user, no key.
 */
import type { Service } from '../address/address.ts'
import type { Side, Status } from '../errors.ts'
import type { JournalEntry } from '../operation/journal.ts'
import type { Step } from '../resolve/steps.ts'
import type { Target } from '../resolve/target.ts'

/** Whose caches, links and events these are. */
export type Explainer =
  | {
      readonly who: 'gateway'
      readonly software: string
      readonly pid: number
      readonly uptimeSeconds: number
      /** Its own domains. */
      readonly domains: readonly string[]
    }
  /** The command itself, with nothing in its caches, but perhaps with our keys; `why` as the first half of a sentence. */
  | { readonly who: 'command'; readonly why: string; readonly isProving?: boolean }

/** What one look at the matter came to. */
export type Finding = { readonly result: Status; readonly sentence: string }

export type TargetRow = Omit<Target, 'addresses'> & { readonly addresses: readonly string[] }

/** Where requests of one of our domains go. */
export type DestinationRow = {
  readonly local: string
  readonly service: Service
  readonly state: 'idle' | 'connecting' | 'running' | 'backing-off'
  /** Why the last dial failed; `null`: it did not, or there is a link. */
  readonly cause: Status | null
  readonly retryInMs: number
  readonly links: number
}

export type LinkRow = {
  readonly local: string
  /** `out`: this side dialled. */
  readonly direction: 'in' | 'out'
  readonly state: string
  readonly ageMs: number
  readonly proof: readonly string[]
  readonly address: string
  readonly software: string | null
}

export type EventRow = Omit<JournalEntry, 'remote' | 'local' | 'service'> & {
  readonly local: string | null
  readonly service: Service | null
  readonly side: Side
}

/** What the far side said when we proved ourselves to it just now. */
export type Claim = Finding & {
  readonly local: string
  /** False: there was no link to say it on. */
  readonly isAsked: boolean
}

/** Whether others find us, as far as it shows from here. */
export type Ours = Finding & { readonly domain: string; readonly steps: readonly Step[] }

export type Findings = {
  readonly by: Explainer
  readonly domain: string
  readonly service: Service
  /** Milliseconds since 1970. */
  readonly at: number
  /** `null`: there are none at hand. `rule`: the entry that decides; `null`: the default does. */
  readonly rules: { readonly verdict: 'allow' | 'deny'; readonly rule: string | null } | null
  /** Keys of the domain are held: answers of DNS that have run out may lead to it. */
  readonly isKnown: boolean
  readonly steps: readonly Step[]
  readonly targets: readonly TargetRow[]
  readonly search: Finding
  /** A connection that was tried for this diagnosis; `null`: none was. */
  readonly connect: Finding | null
  /** `null`: it was not asked. */
  readonly claim: Claim | null
  /** `null`: nobody looked. */
  readonly ours: Ours | null
  readonly destinations: readonly DestinationRow[]
  readonly links: readonly LinkRow[]
  /** The latest last. */
  readonly events: readonly EventRow[]
  /** Rows that did not fit. */
  readonly leftOut: { readonly destinations: number; readonly links: number }
}

export type Conclusion = Finding & {
  readonly side: Side
  /** What to do next, in a sentence or two; empty: nothing. */
  readonly next: string
}

/**
 * The conclusion is about requests that go there; `inbound` about who came from there, if somebody did; `ours` about the
 * way of others to us.
 */
export type Diagnosis = Findings &
  Conclusion & {
    readonly inbound: Conclusion | null
    readonly ours: (Ours & Conclusion) | null
  }
