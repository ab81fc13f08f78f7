/** What the admin port sees of a running gateway: this and no more, so that no address of a user can reach it. */
import type { Service } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { DestinationFacts, Facts, LinkFacts } from '../diagnose/gather.ts'
import type { ClaimSaid, SelfSaid } from '../diagnose/probed.ts'
import type { Status } from '../errors.ts'
import type { Journal } from '../operation/journal.ts'
import type { SharesReport } from '../shares/report.ts'

/** A destination as the pool tells it. */
export type DestinationView = DestinationFacts

/** A link with who is at its far end. */
export type LinkView = LinkFacts & {
  readonly role: 'gateway' | 'client'
  readonly link: {
    readonly underWay: number
    /** 0 control, 1 im, 2 pres. */
    readonly queue: (trafficClass: 0 | 1 | 2) => WaitingView
  }
}

export type WaitingView = { readonly count: number; readonly since: number | undefined }

/** A domain of ours; wall clock in ms. */
export type DomainView = {
  readonly name: string
  readonly services: readonly string[]
  readonly certificateFrom: number
  readonly certificateUntil: number
  /** Which certificate of the chain ends it: `the leaf`, `intermediate 1`. */
  readonly certificateEndsWith: string
  readonly keysUntil: number
}

/** `Running` of `run.ts` is one. */
export type RunningView = {
  /** DNS is asked anew, and domains that could not be reached are tried again: of one domain, or of all. */
  readonly flush: (domain: Domain | undefined) => {
    readonly answers: number
    readonly waits: number
  }
  readonly domains: readonly DomainView[]
  readonly ports: { readonly peers: readonly number[]; readonly clients: readonly number[] }
  readonly resolver: {
    readonly explain: (
      domain: Domain,
      service: Service,
      signal: AbortSignal,
    ) => Promise<Facts['explanation']>
  }
  readonly gateway: {
    readonly isProven: (domain: Domain) => boolean
    readonly ruling: (domain: Domain) => NonNullable<Facts['ruling']>
    readonly journal: Pick<Journal, 'of' | 'peers' | 'claimed'>
    readonly peers: {
      /** Proven before, or named by the operator. */
      readonly isKnown: (domain: Domain) => boolean
      readonly countsOf: (
        domain: string,
      ) => { readonly in: number; readonly out: number; readonly failed: number } | undefined
    }
    readonly shares: { readonly report: () => SharesReport }
    readonly sessions: {
      readonly all: Iterable<LinkView>
      readonly probe: {
        readonly claim: (local: Domain, remote: Domain, service: Service) => Promise<ClaimSaid>
        readonly self: (local: Domain, service: Service, signal: AbortSignal) => Promise<SelfSaid>
      }
      readonly pool: {
        readonly states: () => Iterable<DestinationView>
        readonly isFailing: (domain: Domain) => boolean
        readonly waiting: (service: 'im' | 'pres') => WaitingView
      }
    }
  }
}

/** What became of the files of the configuration. */
export type ConfigView = {
  /** Since when what is in use is in use: wall clock in ms. */
  readonly takenAt: number
  /** Why the last reload was refused; `undefined`: it was not. */
  readonly refused: string | undefined
  /** Settings that wait for a restart. */
  readonly restart: readonly string[]
  /** Reads the files again. Never rejects. */
  readonly reload: () => Promise<Reloaded | { readonly error: Refused }>
}

/** Domains with another certificate, settings that are taken, and settings that wait for a restart. */
export type Reloaded = {
  readonly certificates: readonly string[]
  readonly changed: readonly string[]
  readonly restart: readonly string[]
}

type Refused = { readonly code: Status; readonly message: string }
