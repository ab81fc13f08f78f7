/**
 * Every way in which this program says no, in one table.
 *
 * A code is one word everywhere: on the wire (its number), in logs, metrics, command line and `docs/errors.md`.
 * An *expected* outcome is a return value; a `GatewayError` means that a stage cannot go on.
 */

/**
 * What the one who asked should do:
 * `never` again as it is; after a `change`; `later` as it is; `present` the credential again, then once more;
 * `ask` the same thing again with the same id, since nobody knows; `no` need, it is done.
 */
export type Retry = 'no' | 'never' | 'change' | 'later' | 'present' | 'ask'

/** Whose side has to act. */
export type Side = 'none' | 'sender' | 'peer' | 'network' | 'us'

export type StatusRow = {
  /** On the wire, 16 bits. `undefined`: this code never leaves the process. */
  readonly number: number | undefined
  /** `answer`: success. `request`: one request failed. `link`: the link is given up. `local`: only inside. */
  readonly scope: 'answer' | 'request' | 'link' | 'local'
  readonly retry: Retry
  readonly side: Side
  /** One sentence, safe to tell anybody. */
  readonly meaning: string
}

const row = (
  number: number | undefined,
  scope: StatusRow['scope'],
  retry: Retry,
  side: Side,
  meaning: string,
): StatusRow => ({ number, scope, retry, side, meaning })

/** The first byte groups: 00 answers, 01 link, 02 request, 03 proof and credential, 04 policy, 05 way, 06 state, 07 capacity. */
// biome-ignore format: one row a line
export const statuses = {
  ok: row(0x0000, 'answer', 'no', 'none', 'Done.'),
  delivered: row(0x0001, 'answer', 'no', 'none', 'A session of the recipient confirmed the message.'),
  stored: row(0x0002, 'answer', 'no', 'none', 'The message is in the inbox of the recipient, on disk.'),
  queued: row(0x0003, 'answer', 'no', 'none', 'A gateway on the way has the message on disk and will report.'),
  pending: row(0x0004, 'answer', 'no', 'none', 'The decision is not made yet; the result follows.'),
  'unknown-outcome': row(0x0005, 'answer', 'ask', 'network', 'Handed on, and no final word came.'),

  'bad-frame': row(0x0100, 'link', 'never', 'peer', 'A frame breaks the grammar.'),
  'version-unsupported': row(0x0101, 'link', 'change', 'peer', 'No common protocol version.'),
  'protocol-state': row(0x0102, 'link', 'never', 'peer', 'A frame that is not allowed at this point.'),
  'flow-exceeded': row(0x0103, 'link', 'never', 'peer', 'More was sent than the credit allows.'),
  flood: row(0x0104, 'link', 'later', 'peer', 'Too many frames of a kind that costs the sender nothing.'),
  'proof-timeout': row(0x0105, 'link', 'later', 'peer', 'No proof of a domain within the time allowed.'),
  'idle-release': row(0x0106, 'link', 'no', 'none', 'The link was idle.'),
  'age-release': row(0x0107, 'link', 'no', 'none', 'The link reached its age; open another.'),
  duplicate: row(0x0108, 'link', 'no', 'none', 'Another link serves the same pair of domains.'),
  shutdown: row(0x0109, 'link', 'later', 'peer', 'The gateway is stopping.'),
  'resource-shortage': row(0x010a, 'link', 'later', 'peer', 'The gateway is short of sockets or memory.'),
  'slow-reader': row(0x010b, 'link', 'later', 'peer', 'The far side does not read.'),
  'ids-used-up': row(0x010c, 'link', 'no', 'none', 'The numbers of this link are nearly used up; open another.'),
  loop: row(0x010d, 'link', 'never', 'us', 'The link ends where it begins, or a message came back.'),
  'peer-silent': row(0x010e, 'link', 'later', 'network', 'The far side stopped answering.'),
  'key-changed': row(0x010f, 'link', 'change', 'peer', 'The key that proved this link is no longer valid.'),

  'bad-request': row(0x0200, 'request', 'never', 'sender', 'A request that breaks the grammar of its command.'),
  'too-large': row(0x0201, 'request', 'change', 'sender', 'Over a limit that was advertised.'),
  'unknown-command': row(0x0202, 'request', 'never', 'peer', 'This command is not offered.'),
  'feature-required': row(0x0203, 'request', 'change', 'sender', 'A required field is not understood.'),
  'unsupported-format': row(0x0204, 'request', 'change', 'sender', 'The body is of a type that is not understood here.'),
  'bad-address': row(0x0205, 'request', 'never', 'sender', 'Not a valid address.'),
  cancelled: row(0x0206, 'request', 'no', 'sender', 'The one who asked took the request back.'),

  'domain-not-proven': row(0x0300, 'request', 'change', 'peer', 'The domain is not proven on this link.'),
  'proof-pending': row(0x0301, 'request', 'later', 'network', 'The proof of the domain is still being checked.'),
  'credential-missing': row(0x0302, 'request', 'change', 'sender', 'The command needs a credential.'),
  'credential-ref-unknown': row(0x0303, 'request', 'present', 'none', 'No credential has this number on this link.'),
  'credential-format': row(0x0304, 'request', 'change', 'sender', 'The token breaks its grammar.'),
  'credential-algorithm': row(0x0305, 'request', 'change', 'sender', 'The token is not signed with Ed25519.'),
  'credential-issuer': row(0x0306, 'request', 'change', 'sender', 'The issuer may not vouch here.'),
  'credential-subject': row(0x0307, 'request', 'change', 'sender', 'The subject is not an address of the issuer.'),
  'credential-audience': row(0x0308, 'request', 'change', 'sender', 'The token is meant for another domain.'),
  'credential-time': row(0x0309, 'request', 'change', 'sender', 'The times of the token are not acceptable.'),
  'credential-expired': row(0x030a, 'request', 'change', 'sender', 'The token has expired.'),
  'credential-key': row(0x030b, 'request', 'change', 'sender', 'The key is unknown, or not fit for this use.'),
  'credential-signature': row(0x030c, 'request', 'change', 'sender', 'The signature does not fit.'),
  'credential-binding': row(0x030d, 'request', 'change', 'sender', 'The token belongs to another channel.'),
  'credential-scope': row(0x030e, 'request', 'change', 'sender', 'The credential does not allow this.'),
  'credential-revoked': row(0x030f, 'request', 'change', 'sender', 'The key of the token was revoked.'),
  'credential-unverifiable': row(0x0310, 'request', 'later', 'network', 'The keys of the domain that signed cannot be fetched now.'),
  // 0x0311 is reserved: no status ever has it.

  refused: row(0x0400, 'request', 'never', 'sender', 'The recipient does not exist or does not want this.'),
  forbidden: row(0x0401, 'request', 'never', 'sender', 'The owner refuses openly.'),
  'domain-refused': row(0x0402, 'request', 'never', 'sender', 'The rules of this gateway bar the domain.'),
  relaying: row(0x0403, 'request', 'never', 'sender', 'Neither the sender nor the recipient is ours.'),
  'hop-limit': row(0x0404, 'request', 'never', 'peer', 'Too many hops.'),
  'rate-limited': row(0x0405, 'request', 'later', 'sender', 'Too much in too short a time.'),
  'consent-needed': row(0x0406, 'request', 'later', 'sender', 'The recipient has to agree first.'),

  'domain-not-hosted': row(0x0500, 'request', 'never', 'sender', 'This gateway does not serve that domain.'),
  'service-not-offered': row(0x0501, 'request', 'never', 'sender', 'This domain does not offer this service here.'),
  'remote-not-found': row(0x0502, 'request', 'never', 'sender', 'The domain has no addresses.'),
  'remote-declines': row(0x0503, 'request', 'never', 'peer', 'The domain says in DNS that it does not offer this service.'),
  'remote-unreachable': row(0x0504, 'request', 'later', 'network', 'No link to the domain can be made.'),
  'remote-timeout': row(0x0505, 'request', 'later', 'network', 'The domain does not answer in time.'),
  'remote-untrusted': row(0x0506, 'request', 'later', 'peer', 'The far side could not prove the domain.'),
  'dns-failed': row(0x0507, 'request', 'later', 'network', 'DNS gave no usable answer: this says nothing about the domain.'),
  'domain-moved': row(0x0508, 'request', 'later', 'peer', 'The domain is served elsewhere: resolve it again.'),

  order: row(0x0600, 'request', 'later', 'sender', 'An earlier message of the lane is missing.'),
  conflict: row(0x0601, 'request', 'never', 'sender', 'This id was used for something else.'),
  'precondition-failed': row(0x0602, 'request', 'change', 'sender', 'The entity-tag does not fit: fetch and try again.'),
  'version-gap': row(0x0603, 'request', 'change', 'sender', 'A version is missing: ask for the whole.'),
  'lease-unknown': row(0x0604, 'request', 'change', 'sender', 'No such subscription or publication: create it again.'),
  'lease-too-short': row(0x0605, 'request', 'change', 'sender', 'Ask for a longer lease.'),
  replayed: row(0x0606, 'request', 'never', 'sender', 'Seen before.'),
  expired: row(0x0607, 'request', 'never', 'sender', 'The life of the message is over.'),

  busy: row(0x0700, 'request', 'later', 'us', 'Too much is under way; try again soon.'),
  'inbox-closed': row(0x0701, 'request', 'later', 'peer', 'The recipient is not taking messages now.'),
  'inbox-full': row(0x0702, 'request', 'later', 'peer', 'The inbox of the recipient is full.'),
  'limit-reached': row(0x0703, 'request', 'change', 'sender', 'A limit of this gateway is reached; give something back first.'),
  internal: row(0x0704, 'request', 'later', 'us', 'A fault of this gateway.'),

  'link-lost': row(undefined, 'local', 'later', 'network', 'The link ended before the answer.'),
  'link-refused': row(undefined, 'local', 'later', 'network', 'The connection was refused.'),
  'tls-failed': row(undefined, 'local', 'later', 'peer', 'The TLS handshake failed.'),
  'identity-mismatch': row(undefined, 'local', 'later', 'peer', 'The certificate does not name the domain.'),
  'address-blocked': row(undefined, 'local', 'never', 'peer', 'The address lies in a range that is not dialled.'),
  'link-stopped': row(undefined, 'local', 'no', 'none', 'This side closed the link.'),
  'config-invalid': row(undefined, 'local', 'change', 'us', 'The configuration has mistakes.'),
  'file-unreadable': row(undefined, 'local', 'change', 'us', 'A file cannot be read.'),
  'file-unwritable': row(undefined, 'local', 'change', 'us', 'A file or folder cannot be written.'),
  'port-unavailable': row(undefined, 'local', 'change', 'us', 'A port cannot be opened.'),
  'certificate-unusable': row(undefined, 'local', 'change', 'us', 'Our own certificate cannot be used.'),
  usage: row(undefined, 'local', 'change', 'us', 'The command line is not understood.'),
} as const satisfies Record<string, StatusRow>

export type Status = keyof typeof statuses

const byNumber = new Map<number, Status>(
  Object.entries(statuses).flatMap(([name, { number }]) =>
    number === undefined ? [] : [[number, name as Status] as const],
  ),
)

/** The number of a status on the wire; a local one is told as `internal` (0x0704). */
export const statusNumber = (status: Status): number =>
  (statuses[status] as StatusRow).number ?? 0x0704

/** The name of a number from the wire; `undefined` if it is not in the table. */
export const statusOf = (number: number): Status | undefined => byNumber.get(number)

const answers = new Map([...byNumber].filter(([, status]) => statuses[status].scope !== 'link'))

/** [LINK-4.3-3] The status of an answer. What is none may pass: it is a fault of somebody. */
export const answerStatusOf = (number: number): Status => answers.get(number) ?? 'internal'

/** `ok`, `delivered`, `stored`, `queued` and `pending`; not `unknown-outcome`. */
export function isSuccess(status: Status): boolean {
  // Asked several times a message: cheaper than a look at the table.
  switch (status) {
    case 'ok':
    case 'delivered':
    case 'stored':
    case 'queued':
    case 'pending':
      return true
    default:
      return false
  }
}

/** The same request may be made again as it is, later. */
export const isTemporary = (status: Status): boolean => {
  const { retry } = statuses[status]
  return retry === 'later' || retry === 'present' || retry === 'ask'
}

/** What the one who asked is told for a code that stays inside. */
export function publicStatus(status: Status): Status {
  switch (status) {
    case 'link-lost':
    case 'link-refused':
    case 'address-blocked':
    case 'link-stopped':
      return 'remote-unreachable'
    case 'tls-failed':
    case 'identity-mismatch':
    case 'domain-not-proven':
      return 'remote-untrusted'
    default:
      return status
  }
}

export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly code: Status
  /** How long to wait before another try, if the one who refused said so. */
  readonly retryAfterMs: number | undefined

  /** `message` says what was expected and where; it may be logged, and never goes to a peer. */
  constructor(
    code: Status,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}
