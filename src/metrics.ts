/**
 * Every number that Gatehouse tells, in one table: `docs/metrics.md` is made from it, `admin/metrics.ts` exports it.
 *
 * Names stand without the prefix `gatehouse_`. A label has a fixed set of values, or one of the bounded sets below;
 * what comes from outside never becomes one, but for the domains of a bounded number of proven peers.
 */

import { resources, resourcesOfPeers } from './shares/account.ts'

/**
 * `status`: a code of `errors.ts`. `limit`: a name of `limits.ts`. `domain`: one of our own domains. `peer`: a domain of
 * another gateway, at most `limits.metricPeers` of them, and `_other` for the rest together. `text`: one value for a run.
 */
export type LabelSet = 'status' | 'limit' | 'domain' | 'peer' | 'text'

export type MetricRow = {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly unit: 'count' | 'seconds' | 'bytes'
  readonly labels: Readonly<Record<string, LabelSet | readonly string[]>>
  /** One sentence. */
  readonly help: string
}

/** What the exporter puts before each name. */
export const metricPrefix = 'gatehouse_'

/** Stands for every peer without a label of its own. */
export const otherPeers = '_other'

/** What runs out and is shared out. */
const resource = resources
const shareClass = ['ours', 'known', 'strangers', 'admin'] as const

type Labels = MetricRow['labels']

const row =
  (type: MetricRow['type'], unit: MetricRow['unit']) =>
  <L extends Labels>(labels: L, help: string) => ({ type, unit, labels, help })

const counter = row('counter', 'count')
const bytes = row('counter', 'bytes')
const gauge = row('gauge', 'count')
const secondsNow = row('gauge', 'seconds')
const bytesNow = row('gauge', 'bytes')
const seconds = row('histogram', 'seconds')

const direction = ['in', 'out'] as const
const classes = ['control', 'im', 'pres'] as const
const none = {} as const

/** Bounds of what is kept: each has a gauge that tells how much of it is used. */
export const limitsShown = [
  'links',
  'keySets',
  'dnsCacheEntries',
  'lanes',
  'duplicates',
  'presentities',
] as const

// biome-ignore format: one row a line
export const metrics = {
  // The process
  build_info: gauge({ version: 'text', node: 'text' }, 'Always 1; the labels say which version runs on which Node.'),
  ready: gauge(none, '1 if /readyz says yes, else 0.'),
  uptime_seconds: secondsNow(none, 'Time since the start.'),
  config_last_reload_successful: gauge(none, '1 while the files that were read last are in use; 0 after a reload that was refused.'),
  config_last_reload_success_timestamp_seconds: secondsNow(none, 'When what is in use was read: seconds since 1970.'),
  clock_drift_seconds: secondsNow(none, 'How far the wall clock moved against the monotonic one since the start: it was set, or the machine slept.'),
  event_loop_delay_seconds: secondsNow({ at: ['p50', 'p99', 'max'] as const }, 'How late the event loop was in the last 15 to 30 seconds.'),
  heap_used_bytes: bytesNow(none, 'JavaScript heap in use.'),
  admin_requests_total: counter({ status: ['200', '400', '401', '403', '404', '405', '429', '500', '503'] as const }, 'Requests to the admin port, by HTTP status.'),
  log_lines_lost_total: counter(none, 'Lines of the log that were lost because its destination was full, slow or gone.'),
  limit: gauge({ limit: limitsShown }, 'The value of a bound of docs/limits.md, to divide what is used by it.'),
  limit_hits_total: counter({ limit: 'limit' }, 'How often a bound of docs/limits.md was reached.'),

  // Our own domains
  certificate_expiry_seconds: secondsNow({ domain: 'domain' }, 'Time until the TLS certificate of our domain expires; below 0 it has.'),
  key_expiry_seconds: secondsNow({ domain: 'domain' }, 'Time until the key set that our domain publishes, or a key in it, expires: 30 days when it is signed, which it is anew every week; below 0 it has.'),

  // Reaching other domains
  dns_lookups_total: counter({ type: ['SRV', 'AAAA', 'A'] as const, outcome: ['hit', 'coalesced', 'stale', 'miss_ok', 'nxdomain', 'nodata', 'failure'] as const }, 'Look-ups of names, by what answered: the cache, another look-up under way, an expired answer, or DNS.'),
  dns_lookup_seconds: seconds(none, 'Time of one look-up that went to DNS, all its questions together.'),
  dns_queries_total: counter({ transport: ['udp', 'tcp'] as const, outcome: ['answer', 'busy', 'cancelled', 'closed', 'malformed', 'strays', 'timeout', 'too-long', 'truncated', 'unreachable'] as const }, 'Questions to DNS servers, by how they ended.'),
  dns_strays_total: counter(none, 'Messages from DNS servers that answered no question of ours: somebody may be guessing.'),
  dns_refused_total: counter({ reason: ['root', 'port-zero', 'port-blocked', 'not-a-host-name', 'too-many', 'alias', 'address'] as const }, 'DNS records that were not used, by the rule that forbids it.'),
  dns_cache_entries: gauge(none, 'Answers in the DNS cache.'),
  connect_attempts_total: counter({ result: 'status' }, 'Attempts to reach a domain, DNS to TLS, by how they ended.'),
  connect_phase_seconds: seconds({ phase: ['dns', 'tcp', 'tls'] as const }, 'Time of one phase of reaching a domain; tls is TCP and TLS together.'),
  peer_state: gauge({ state: ['idle', 'connecting', 'running', 'backing-off'] as const }, 'Destinations (our domain, their domain, service) in each state.'),

  // Links
  link_accepts_total: counter({ result: ['ok', 'gate', 'closed', 'timeout', 'not-tls', 'version', 'alpn', 'name', 'certificate', 'tls', 'shortage'] as const }, 'Connections that came in, by what became of them before the first frame.'),
  link_connections: gauge({ role: ['gateway', 'client'] as const, direction }, 'Links that are open, by who is at the far end and who dialled.'),
  links_closed_total: counter({ role: ['gateway', 'client'] as const, cause: 'status' }, 'Links that ended, by cause.'),
  link_bytes_total: bytes({ direction }, 'Bytes of frames, without what TLS and TCP add.'),
  frames_total: counter({ direction }, 'Frames of all links.'),
  link_waits_total: counter(none, 'Requests that had to wait for credit or for the socket.'),
  waiting_requests: gauge({ class: classes }, 'Requests that wait for a link, for credit or for the socket now.'),
  waiting_oldest_seconds: secondsNow({ class: classes }, 'Age of the oldest of them; 0 if there is none.'),

  // Proofs, keys and credentials
  proof_checks_total: counter({ proof: ['key', 'client'] as const, result: 'status' }, 'Claims to speak for a domain or a user, by verdict.'),
  proofs_total: counter({ kind: ['certificate', 'key', 'pinned'] as const }, 'Pairs of domains that were proven on a link, by the kind of proof.'),
  credential_checks_total: counter({ result: 'status' }, 'User credentials that were shown to us, by verdict.'),
  credential_references_total: counter(none, 'Requests that named a credential by its number: each was shown once and is good.'),
  key_sets: gauge(none, 'Key sets of other domains that are kept.'),
  key_fetches_total: counter({ outcome: 'status' }, 'Fetches of key sets, by how they ended.'),
  key_rollbacks_total: counter(none, 'Key sets that were refused because they are older than, or contradict, one seen before.'),
  key_discontinuities_total: counter(none, 'Key sets that share no key with the one before: a new start, or somebody else.'),

  // Messages
  checks_total: counter({ check: ['syntax', 'domain', 'proof', 'credential', 'relay', 'hops', 'rate'] as const }, 'How often each check of a request of a user ran; syntax counts messages alone.'),
  checks_refused_total: counter({ check: ['syntax', 'domain', 'proof', 'credential', 'relay', 'hops', 'rate'] as const }, 'How often each check refused.'),
  messages_total: counter({ direction, result: 'status' }, 'Messages that passed the checks, by how they ended: in to our users, out to other domains.'),
  lane_repeats_total: counter({ direction }, 'Messages that were told to come again since an earlier one of their lane was missing: nothing was done with them, and they are counted above when they end.'),
  delivery_seconds: seconds({ direction }, 'Time from the arrival of a message here to the arrival of its answer, for those that were delivered, stored or queued.'),
  client_sessions: gauge(none, 'Sessions of our users that are attached.'),
  lanes: gauge(none, 'Lanes (sender, recipient) that are remembered.'),
  duplicate_records: gauge(none, 'Records by which a repeated message is recognised.'),

  // Presence
  presence_leases: gauge({ of: ['publication', 'subscription', 'interest'] as const }, 'Leases that run: tuples of our users, subscriptions to our users, interests of our users elsewhere.'),
  presence_presentities: gauge(none, 'Our users with a published tuple.'),
  presence_watches: gauge(none, 'Users elsewhere that our users watch.'),
  presence_updates_total: counter({ action: ['sent', 'received', 'shown', 'coalesced'] as const }, 'Notifications: sent to other domains, received from them, shown to a session, or replaced by a later value before they were sent.'),
  presence_dropped_total: counter({ cause: ['old-version', 'bad-document', 'lease-unknown'] as const }, 'Notifications that were passed over, by cause.'),

  // Shares of what runs out
  share_accounts: gauge({}, 'Users, domains and networks whose use of time, bytes and places is kept.'),
  share_scarce: gauge({ resource }, '1 while the resource is scarce and is shared out, else 0.'),
  share_used: gauge({ resource, class: shareClass }, 'What is used of the resource: time in ms of the last seconds, else bytes or places.'),
  share_unread_links: gauge({}, 'Links with bytes that wait for their turn to be read.'),
  share_over_total: counter({ resource }, 'Places and bytes that were refused to who had more than its share.'),

  // Single peers
  peer_messages_total: counter({ peer: 'peer', direction, outcome: ['ok', 'temporary', 'permanent', 'unknown'] as const }, 'Messages with a peer domain, by how they ended.'),
  peer_failures_total: counter({ peer: 'peer', what: ['message-in', 'message-out', 'dial', 'proof', 'claim', 'credential', 'link'] as const, cause: 'status' }, 'What failed with a peer domain, and why: messages; dials of ours; its proof to us (or that of somebody who claims to be it); our claim, as it judged it; credentials of its users; links that were lost.'),
  peer_limit_hits_total: counter({ peer: 'peer' }, 'Requests of a peer domain that were refused as rate-limited.'),
  peer_up: gauge({ peer: 'peer' }, '0 if the last attempt to reach the peer failed, or it does not take us for our domain, and there is no link since; else 1, also while nothing is to be sent; there is none for _other.'),
  peer_link_up: gauge({ peer: 'peer' }, '1 if a proven link with the peer is open, else 0, which is no fault: idle links are let go of; there is none for _other.'),
  peer_share: gauge({ peer: 'peer', resource: resourcesOfPeers }, 'What the peer uses of the resource: time in ms of the last seconds, else bytes or places; there is none for _other.'),
  peer_over: gauge({ peer: 'peer' }, 'Of how many resources the peer has more than its share, so that it gives way; there is none for _other.'),
  metric_peers: gauge({ kind: ['named', 'folded'] as const }, 'Peer domains with a label of their own, and those that are folded into _other.'),
  metric_peers_limit: gauge(none, 'Most peer domains with a label of their own (limits.metricPeers).'),
} as const satisfies Record<string, MetricRow>

/**
 * What every exporter tells of its process, by the names that all of them use, without the prefix: as `prom-client` has it.
 * On systems other than Linux some are missing.
 */
// biome-ignore format: one row a line
export const processMetrics = {
  process_cpu_user_seconds_total: row('counter', 'seconds')(none, 'CPU time of the process in its own code.'),
  process_cpu_system_seconds_total: row('counter', 'seconds')(none, 'CPU time of the process in the kernel.'),
  process_cpu_seconds_total: row('counter', 'seconds')(none, 'CPU time of the process in all.'),
  process_start_time_seconds: secondsNow(none, 'Start of the process, in seconds since 1970.'),
  process_resident_memory_bytes: bytesNow(none, 'Memory of the process that the system holds in RAM.'),
  process_virtual_memory_bytes: bytesNow(none, 'Address space of the process.'),
  process_heap_bytes: bytesNow(none, 'Data segment of the process.'),
  process_open_fds: gauge(none, 'File descriptors that are open: connections, files, ports.'),
  process_max_fds: gauge(none, 'File descriptors that the system allows; at it connections are closed at once, and nothing can be dialled.'),
} as const satisfies Record<string, MetricRow>
