/**
 * What a room needs of a log. `event` is a stable name (`link.closed`); `facts` holds no secret and no body.
 *
 * Facts that mean the same everywhere: `remote`, a domain that was proven or that we wanted to reach; `claimed`, one that
 * somebody says to be; `local` and `domain`, ours; `peer`, the address and port of the far side. A line about a peer has
 * one of the domains, if any is known.
 */
export type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>

export type Log = {
  readonly debug: (event: string, facts?: Facts) => undefined
  readonly info: (event: string, facts?: Facts) => undefined
  readonly warn: (event: string, facts?: Facts) => undefined
  readonly error: (event: string, facts?: Facts) => undefined
}

const nothing = (): undefined => undefined

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
