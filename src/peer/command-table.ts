/**
 * Every command of the link, a row each: its number and grammar stand under its name in `wire/registry.ts` and in
 * `command/`; here stands who may send it, when, and who takes it.
 *
 * Spec: [LINK-4.2-4], [LINK-5.4-4], [LINK-6.1-1] to [LINK-6.13-2]
 */
import type { Status } from '../errors.ts'
import type { CommandName } from '../wire/registry.ts'
import type { Take } from './commands.ts'
import type { Credentials } from './credentials.ts'
import type { Keys } from './keys.ts'
import type { Proofs } from './proofs.ts'
import type { Requests } from './requests.ts'

export type CommandRow = {
  /** `anybody`: before a proof, too. `both`: an attached client, or a gateway with a proven pair. */
  readonly from: 'anybody' | 'gateway' | 'client' | 'both'
  /** What the others are answered. */
  readonly otherwise: Status
  /**
   * [LINK-6.5-1] What a request of a domain counts for: `known`, the domain that is known before it is read;
   * [LINK-6.5-5] `named`, the domain that it names, counted by the route; `link`: nothing, it is about the link.
   */
  readonly counts: 'known' | 'named' | 'link'
  readonly take: Take
}

export type CommandTable = Readonly<Partial<Record<CommandName, CommandRow>>>

type Rooms = {
  readonly proofs: () => Proofs
  readonly keys: () => Keys
  readonly credentials: Credentials
  readonly requests: Requests
}

const row = (
  from: CommandRow['from'],
  otherwise: Status,
  counts: CommandRow['counts'],
  take: Take,
): CommandRow => ({ from, otherwise, counts, take })

// biome-ignore format: one row a line
export const commandTable = ({ proofs, keys, credentials, requests }: Rooms): CommandTable => ({
  prove: row('anybody', 'ok', 'link', (session, request) => proofs().judge(session, request)),
  keys: row('anybody', 'ok', 'link', (session, request) => keys().tell(session, request)),
  credential: row('gateway', 'unknown-command', 'known', (session, request) => credentials.show(session, request)),
  forget: row('gateway', 'unknown-command', 'link', (session, request) => credentials.forget(session, request)),
  issue: row('client', 'bad-request', 'known', (session, request) => requests.issue(session, request)),
  message: row('both', 'ok', 'known', (session, request, held) => requests.message(session, request, held)),
  publish: row('client', 'credential-scope', 'known', (session, request) => requests.publish(session, request)),
  fetch: row('both', 'ok', 'known', (session, request, held) => requests.fetch(session, request, held)),
  subscribe: row('both', 'ok', 'known', (session, request, held) => requests.subscribe(session, request, held)),
  unsubscribe: row('both', 'ok', 'known', (session, request, held) => requests.unsubscribe(session, request, held)),
  renew: row('both', 'ok', 'named', (session, request) => requests.renew(session, request)),
  notify: row('gateway', 'credential-missing', 'named', (session, request, held) => requests.notify(session, request, held)),
})
