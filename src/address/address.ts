import type { Domain } from './domain.ts'

/** The pair (User, Domain) of the draft §5.4.2, canonical. `text` is `user@domain`. Made by `parseAddress` only. */
export type Address = {
  readonly user: string
  readonly domain: Domain
  readonly text: string
}

/** Which of the two services an address is used with (RFC 3859, RFC 3860). */
export type Service = 'im' | 'pres'
