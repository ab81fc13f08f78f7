/** What the admin port sees of a running gateway: this and no more, so that no address of a user can reach it. */

/** A destination as the pool tells it. */
export type DestinationView = {
  readonly local: string
  readonly remote: string
  readonly service: string
  readonly state: 'idle' | 'connecting' | 'running' | 'backing-off'
  /** Why the last dial failed; `undefined`: it did not. */
  readonly code: string | undefined
  readonly retryAfterMs: number
  readonly links: number
}

/** A link with who is at its far end. */
export type LinkView = {
  readonly role: 'gateway' | 'client'
  /** `undefined`: the far side dialled. */
  readonly dialled: { readonly remote: string } | undefined
  readonly bornAt: number
  readonly pairs: Iterable<{
    readonly local: string
    readonly remote: string
    readonly kinds: ReadonlySet<string>
  }>
  readonly link: {
    readonly state: string
    readonly underWay: number
    /** 0 control, 1 im, 2 pres. */
    readonly queue: (trafficClass: 0 | 1 | 2) => WaitingView
    readonly hello: { readonly software: string } | undefined
    readonly channel: { readonly facts: { readonly remote: string } }
  }
}

export type WaitingView = { readonly count: number; readonly since: number | undefined }

/** A domain of ours; wall clock in ms. */
export type DomainView = {
  readonly name: string
  readonly services: readonly string[]
  readonly certificateFrom: number
  readonly certificateUntil: number
  readonly keysUntil: number
}

/** `Running` of `run.ts` is one. */
export type RunningView = {
  readonly domains: readonly DomainView[]
  readonly ports: { readonly peers: readonly number[]; readonly clients: readonly number[] }
  readonly gateway: {
    readonly sessions: {
      readonly all: Iterable<LinkView>
      readonly pool: {
        readonly states: () => Iterable<DestinationView>
        readonly waiting: (service: 'im' | 'pres') => WaitingView
      }
    }
  }
}
