/**
 * Every bound of the program, in one table: its default, its unit and what happens at it.
 *
 * The `limits:` section of the configuration overrides a value by its name; `docs/limits.md` is checked
 * against this table; each limit that is hit counts in `gatehouse_limit_hits_total{limit}`.
 */
export type LimitRow = {
  readonly value: number
  readonly unit: 'bytes' | 'ms' | 'count' | 'per second' | 'seconds' | 'hops'
  /** What the limit bounds, and what happens when it is reached. */
  readonly meaning: string
}

const row = (value: number, unit: LimitRow['unit'], meaning: string): LimitRow => ({
  value,
  unit,
  meaning,
})

const second = 1000
const minute = 60 * second
const hour = 60 * minute

// biome-ignore format: one row a line
export const limitTable = {
  // Link: before a domain is proven
  tlsHandshakeMs: row(5 * second, 'ms', 'TCP accept or connect to the end of the TLS handshake; then the socket is destroyed.'),
  proofMs: row(15 * second, 'ms', 'Accept to the first proven pair of domains, absolute; then RELEASE proof-timeout.'),
  unprovenLinksPerAddress: row(8, 'count', 'Accepted links without proof from one IPv4 address or one IPv6 /64; for one more the oldest of them is closed, first of those without TLS.'),
  unprovenLinks: row(512, 'count', 'Accepted links without proof in all; for one more the oldest of the IPv4 /24 or IPv6 /48 that has most is closed, or the new one if that is its own.'),
  handshakesPerAddress: row(5, 'per second', 'New connections from one IPv4 /24 or IPv6 /48; more are closed at accept.'),
  handshakesPerAddressBurst: row(20, 'count', 'Burst of new connections from one IPv4 /24 or IPv6 /48.'),
  networks: row(16_384, 'count', 'Networks whose new connections are counted; beyond it the one that is silent longest is forgotten.'),
  unprovenClientsPerAddress: row(128, 'count', 'Links of clients without proof from one address: a local system opens many at once; for one more the oldest of them is closed.'),
  clientHandshakesPerAddress: row(200, 'per second', 'New connections of clients from one network; more are closed at accept.'),
  clientHandshakesPerAddressBurst: row(1000, 'count', 'Burst of new connections of clients from one network.'),
  waitingFrames: row(16, 'count', 'Requests of one class that wait on one link, unparsed, for a proof or a key of one pair of domains, and an eighth of those for all pairs; more are answered busy.'),
  waitingBytes: row(65_536, 'bytes', 'Bytes of such waiting requests for one pair, and an eighth of those for all pairs; more are answered busy.'),
  waitingMs: row(15 * second, 'ms', 'Longest wait for a proof or a key; then credential-unverifiable.'),

  // Link: frames
  frameBytes: row(16_384, 'bytes', 'Payload of one frame; larger is bad-frame, seen on the header alone.'),
  fieldBytes: row(8192, 'bytes', 'All fields of one request or answer; larger is bad-frame.'),
  fieldCount: row(32, 'count', 'Fields of one request or answer; more is bad-frame.'),
  fieldValueBytes: row(2048, 'bytes', 'One field value, but for a token; larger is bad-frame.'),
  helloBytes: row(4096, 'bytes', 'Payload of HELLO; larger is bad-frame.'),
  messageBytes: row(65_536, 'bytes', 'Body of one MESSAGE, advertised in HELLO; larger is too-large.'),
  presenceBytes: row(8192, 'bytes', 'One presence document; larger is too-large.'),
  bodyMs: row(30 * second, 'ms', 'A body in pieces, from the first to the last; then busy, and the rest is passed over, for as long again.'),
  bodySlowMs: row(5 * second, 'ms', 'Age from which on such a body has to have come at the rate of bodyPerSecond; then the same.'),
  bodyPerSecond: row(1024, 'per second', 'Bytes that have to have come of such a body, over its age.'),
  emptyChunks: row(1, 'count', 'Consecutive CHUNK frames without a byte; more is flood.'),
  tinyChunkBytes: row(65_536, 'bytes', 'Budget for CHUNK frames under 256 bytes that are not the last; beyond it flood.'),
  cancelsBurst: row(200, 'count', 'Burst of CANCEL frames; beyond it flood.'),
  cancelsPerSecond: row(20, 'per second', 'CANCEL frames; beyond it flood.'),
  idleFramesBurst: row(4096, 'count', 'Burst of frames without effect (CREDIT of nothing or for nothing, pieces of what is passed over, answers to nothing, PING answers, what comes after RELEASE); beyond it flood.'),
  idleFramesPerSecond: row(100, 'per second', 'Such frames; beyond it flood.'),
  mistakesBurst: row(100, 'count', 'Burst of protocol mistakes that do not end a link; beyond it flood.'),
  mistakesPerSecond: row(1, 'per second', 'Such mistakes; beyond it flood.'),
  pingsBurst: row(10, 'count', 'Burst of PING frames; beyond it flood.'),
  pingsPerSecond: row(1, 'per second', 'PING frames; beyond it flood.'),
  claimsBurst: row(200, 'count', 'Burst of PROVE and KEYS requests on one link; beyond it rate-limited.'),
  claimsPerSecond: row(20, 'per second', 'PROVE and KEYS requests on one link; beyond it rate-limited.'),
  claimsExcess: row(1000, 'count', 'PROVE and KEYS requests that were rate-limited in the life of a link; more is flood.'),

  // Link: flow
  windowRequests: row(512, 'count', 'Requests of one class that may be under way towards us on one link (credit).'),
  lentRequests: row(512, 'count', 'Requests by which that window is wider while half of it waits for answers.'),
  windowBytes: row(1_048_576, 'bytes', 'Request bytes of one class that may be under way towards us on one link (credit).'),
  bodiesUnderWay: row(16, 'count', 'Bodies of one class that arrive in chunks at the same time on one link; more is flow-exceeded.'),
  requestMs: row(30 * second, 'ms', 'A request that is passed on or made to another domain, from when it came to its answer, whatever it waits for; then remote-timeout or unknown-outcome.'),
  socketBytes: row(131_072, 'bytes', 'Bytes handed to a socket ahead of its drain; beyond it frames wait in their class.'),
  waitingOutBytes: row(4_194_304, 'bytes', 'Bytes of one class waiting to be written on one link; beyond it new requests are answered busy, and beyond half of it those of a user who has an eighth of it.'),
  mostOutBytes: row(16_777_216, 'bytes', 'Bytes written on one link and not out, whatever its progress; more is slow-reader.'),
  slowReaderMs: row(10 * second, 'ms', 'Nothing of what is written on a link leaves, however little it is; then slow-reader.'),
  pingMs: row(30 * second, 'ms', 'Silence after which a PING is sent; two without answer are peer-silent.'),
  doubtMs: row(3 * second, 'ms', 'From the proof of a link whose far side names another process to a word on the other links of the pair; then they are peer-silent.'),
  idleMs: row(10 * minute, 'ms', 'No request in either direction and no live subscription; then RELEASE idle-release.'),
  linkAgeMs: row(12 * hour, 'ms', 'Shortest age of a link; it is renewed between this and twice this.'),
  drainMs: row(30 * second, 'ms', 'RELEASE to close, for requests that are under way.'),
  lingerMs: row(5 * second, 'ms', 'End of a link to close of its socket, for bytes that were written before.'),
  restartMs: row(2 * second, 'ms', 'Retry time that we say in RELEASE when we stop: the far side dials again after it.'),
  restMaxMs: row(15 * minute, 'ms', 'Longest wait that we keep to when a far side asks for one: the retry time of a RELEASE, `retryAfter` of an answer.'),
  pairsPerLink: row(1024, 'count', 'Pairs of domains proven on one link; a claim to more is refused with limit-reached.'),
  links: row(4096, 'count', 'Links with gateways, those that prove nothing aside; short of it idle ones are released, of those who have most first. Lowered at start where the process may not open as many files.'),
  clients: row(8192, 'count', 'Attached clients; more are refused busy. Lowered at start where the process may not open as many files.'),
  sessionsPerUser: row(16, 'count', 'Attached sessions of one user; more are refused with limit-reached.'),
  credentials: row(200_000, 'count', 'Credentials held for all links; those who hold most are answered busy first. Unless set, lowered at start in proportion where the heap may have less than 4 GiB.'),
  references: row(16_384, 'count', 'Credentials held for one link, advertised in HELLO.'),
  subjects: row(64, 'count', 'Users of one credential that we take, advertised in HELLO; more is bad-request.'),

  // Dialling
  dialAddressMs: row(10 * second, 'ms', 'One connection attempt, TLS included.'),
  dialMs: row(30 * second, 'ms', 'All attempts to reach a domain, DNS included.'),
  dialAddresses: row(16, 'count', 'Addresses tried in one dial.'),
  dialStaggerMs: row(250, 'ms', 'Start of the next attempt inside one target (RFC 8305).'),
  redialMs: row(200, 'ms', 'First wait after a failed dial; doubles, then jitter.'),
  redialCapMs: row(minute, 'ms', 'Longest wait between dials, before jitter.'),
  restWaitMs: row(2500, 'ms', 'A request waits this long for a domain that rests between two dials; a longer rest is told at once.'),
  redialLostCapMs: row(3 * second, 'ms', 'The same for a domain whose proven link was lost just now: a restart is found soon. Later it is a tenth of the time since then, up to redialCapMs.'),
  clientRedialCapMs: row(2 * second, 'ms', 'Longest wait of a client between dials while its gateway cannot be reached, before jitter.'),
  destinationMs: row(10 * minute, 'ms', 'How long a domain to which there never was a link is remembered after the last attempt to make one.'),
  strangerDials: row(256, 'count', 'Dials under way that are caused by the claim of a domain that was never proven; more wait, and those of the network (IPv4 /24, IPv6 /48) that has fewest go first. A tenth and more is for domains that the operator names.'),
  strangerClaims: row(8, 'count', 'Claims from one network, or of one domain that the operator names, that wait for that; more are credential-unverifiable.'),

  // DNS
  dnsTryMs: row(1200, 'ms', 'Silence of one DNS server before the next one is asked, and twice that before the same one is asked again. An answer counts until the look-up ends.'),
  dnsTotalMs: row(6 * second, 'ms', 'All questions of one look-up.'),
  dnsRounds: row(2, 'count', 'Times that each server is asked one question without an answer, from the second on without EDNS; then dns-failed.'),
  dnsSockets: row(256, 'count', 'Questions under way; more wait, and those who have fewest go first: users, domains, networks.'),
  dnsWaiting: row(16, 'count', 'Questions of one user, domain or network that wait for that; with more the look-up is dns-failed.'),
  dnsServersMs: row(5 * second, 'ms', 'Between two looks at whether the system has other DNS servers, where the configuration names none.'),
  dnsFollowMs: row(10 * second, 'ms', 'Between two looks, at most, at whether DNS still names the place where an open link leads; an answer that has not run out is not asked for again.'),
  dnsMoveMs: row(10 * minute, 'ms', 'Age from which a link moves because its host has other addresses; from a host or a port that is not named any more it moves at any age.'),
  dnsRecords: row(16, 'count', 'SRV records used of one answer.'),
  dnsAliases: row(4, 'count', 'CNAME records followed.'),
  dnsCacheEntries: row(10_000, 'count', 'Entries of the DNS cache.'),
  dnsMinTtlMs: row(30 * second, 'ms', 'Shortest time that a positive answer is kept.'),
  dnsMaxTtlMs: row(hour, 'ms', 'Longest time that a positive answer is kept.'),
  dnsMinNegativeMs: row(10 * second, 'ms', 'Shortest time that "no" is kept.'),
  dnsMaxNegativeMs: row(5 * minute, 'ms', 'Longest time that "no" is kept.'),
  dnsMinFailureMs: row(5 * second, 'ms', 'First time that a failure is kept; doubles.'),
  dnsMaxFailureMs: row(minute, 'ms', 'Longest time that a failure is kept.'),
  dnsStaleMs: row(24 * hour, 'ms', 'How long an expired answer may serve to reach a domain that was proven before.'),

  // Keys and credentials
  tokenBytes: row(2048, 'bytes', 'One token; larger is credential-format.'),
  linkTokenSeconds: row(120, 'seconds', 'Longest life of a link assertion.'),
  credentialSeconds: row(600, 'seconds', 'Life of the user credentials that we mint.'),
  credentialMaxSeconds: row(3600, 'seconds', 'Longest life of a user credential that we accept.'),
  clockSkewSeconds: row(30, 'seconds', 'Difference of clocks that is forgiven.'),
  keySetBytes: row(65_536, 'bytes', 'One key set.'),
  keySetKeys: row(16, 'count', 'Keys of one key set.'),
  keyFetchMs: row(5 * second, 'ms', 'One key fetch, dial included.'),
  keySoftMs: row(hour, 'ms', 'Age at which a key set is refreshed in the background.'),
  keyHardMs: row(24 * hour, 'ms', 'Age after the last good fetch at which a key set is no longer used.'),
  keyRefetchMs: row(30 * second, 'ms', 'Shortest time between two fetches because of an unknown key id.'),
  keyFailureMs: row(minute, 'ms', 'First wait after a failed key fetch; doubles.'),
  keyFailureCapMs: row(15 * minute, 'ms', 'Longest wait after a failed key fetch.'),
  keySets: row(10_000, 'count', 'Key sets kept while nothing rests on them. Unless set, lowered at start in proportion where the heap may have less than 4 GiB.'),

  // Policy
  hops: row(4, 'hops', 'Hops of a request; more is hop-limit.'),
  peerPerSecond: row(200, 'per second', 'Requests of one peer domain but NOTIFY, a RENEW counting once; more are rate-limited.'),
  peerBurst: row(1000, 'count', 'Burst of requests of one peer domain.'),
  peerNotifyPerSecond: row(2000, 'per second', 'NOTIFY requests of one peer domain; more are rate-limited, and come again.'),
  peerNotifyBurst: row(10_000, 'count', 'Burst of NOTIFY requests of one peer domain.'),
  senderPerSecond: row(10, 'per second', 'Requests of one sender; more are rate-limited.'),
  senderBurst: row(100, 'count', 'Burst of requests of one sender.'),
  watchesPerSecond: row(20, 'per second', 'SUBSCRIBE and UNSUBSCRIBE of one watcher, which count for nothing else; more are rate-limited.'),
  watchesBurst: row(1000, 'count', 'Burst of them: a list of contacts costs nobody a message.'),
  lanePerSecond: row(2, 'per second', 'Messages of one sender to one recipient; more are rate-limited.'),
  laneBurst: row(60, 'count', 'Burst of messages of one sender to one recipient: a paste of 40 lines passes.'),
  peers: row(10_000, 'count', 'Peer domains whose rate and history are remembered.'),

  // Our own users
  owners: row(16_384, 'count', 'Users of ours whose entry in the directory is remembered; the one that is unused longest is forgotten.'),
  ownerMs: row(minute, 'ms', 'How long an entry of the directory is believed.'),
  ownersWaiting: row(4096, 'count', 'Requests that wait for the directory of one of our domains, a third of it for one network, domain or user, so that others get in; more are answered busy.'),
  directoryMs: row(5 * second, 'ms', 'One question to the directory; then busy, for users that exist and for others.'),

  // Messages
  heldBytes: row(268_435_456, 'bytes', 'Requests that wait for a directory, a key, their lane or a link, bodies that arrive in pieces, and what is written on a link and not out, beyond 64 KiB; near it who holds most is answered busy first, and loses links on which it reads nothing. Lowered at start to a quarter of what the heap may have.'),
  laneInFlight: row(16, 'count', 'Messages of one lane without an answer; a gateway answers more of its own clients busy.'),
  lanes: row(100_000, 'count', 'Lanes remembered, and senders; beyond it the domain that has most loses those idle longest. Unless set, lowered at start in proportion where the heap may have less than 4 GiB.'),
  recipientMessages: row(128, 'count', 'Messages without an answer to one user of ours, and requests that wait for the facts about one; more are answered busy. A sixteenth of it while the sessions of the user let messages pass without a word.'),
  recipientBytes: row(262_144, 'bytes', 'Bytes of such messages; more are answered busy.'),
  confirmMs: row(5 * second, 'ms', 'From the arrival of a message to its confirmation by a session, whether it could be written or not; then unknown-outcome or inbox-closed.'),
  duplicates: row(200_000, 'count', 'Duplicate records; the oldest settled ones go first, then the oldest of the domain that holds most; while all are under way the answer is busy. Unless set, lowered at start in proportion where the heap may have less than 4 GiB.'),
  duplicateMs: row(73 * hour, 'ms', 'How long a duplicate record is kept.'),
  duplicateSettledMs: row(15 * minute, 'ms', 'How long it is kept once the sender holds the answer.'),

  // What a store of messages keeps
  inboxMessages: row(1000, 'count', 'Messages that are kept for one user and not confirmed; for more the answer is inbox-full.'),
  queueMessages: row(10_000, 'count', 'Messages that are queued from one of our domains to another domain; more are busy.'),
  storedRecords: row(1_000_000, 'count', 'Records of one kind that are kept besides messages; more are busy.'),

  // Presence
  leaseSeconds: row(3600, 'seconds', 'Lease given when none is asked for.'),
  leaseMinSeconds: row(300, 'seconds', 'Shortest lease; a shorter wish is raised to it.'),
  leaseMaxSeconds: row(86_400, 'seconds', 'Longest lease; a longer wish is cut to it.'),
  subscriptionsPerWatcher: row(1000, 'count', 'Live subscriptions of one watcher; more is limit-reached.'),
  subscriptions: row(1_000_000, 'count', 'Live subscriptions in all, to our users and of our users elsewhere; more are busy, or the domain that has most gives one up. Unless set, lowered at start in proportion where the heap may have less than 4 GiB.'),
  tuples: row(32, 'count', 'Tuples of one presentity; more is limit-reached.'),
  presentities: row(1_000_000, 'count', 'Presentities with a published tuple; more are busy. Unless set, lowered at start in proportion where the heap may have less than 4 GiB.'),
  snapshotMs: row(30 * second, 'ms', 'Shortest time between two documents that one watcher draws of one presentity by subscribing again.'),
  unknownMs: row(45 * second, 'ms', 'How long the last value is shown without a link to its domain, or after the retry time of its RELEASE; then unknown.'),
  notifyMs: row(2 * second, 'ms', 'Shortest time between two notifications of one subscription; the last value is always sent.'),

  // Reload and stop
  reloadMs: row(10 * second, 'ms', 'Reading all files of the configuration again; then the reload is refused.'),
  reloadRetryMs: row(2 * second, 'ms', 'After a reload that was refused: how often its files are looked at; once one has changed it is tried again.'),
  drainNoticeMs: row(second, 'ms', 'SIGTERM to the first port that shuts: /readyz says 503, and everything is served; a second signal ends it.'),

  // Admin
  adminSockets: row(64, 'count', 'Connections to the admin port; for one more the oldest is closed, first of those that have not asked yet.'),
  adminPerSecond: row(100, 'per second', 'Requests to the admin port that show its token, and as many that do not, and as many for /healthz and /readyz; more are answered 429 after a second.'),
  adminExplains: row(4, 'count', 'Explanations under way on the admin port; more are answered 503.'),
  adminExplainMs: row(10 * second, 'ms', 'One explanation on the admin port; what was found by then is told.'),
  journalDomains: row(1000, 'count', 'Domains whose last events are kept for explain: so many that we dialled, as many that came to us and are known, as many that somebody said to be; the one silent longest is forgotten.'),
  journalEntries: row(16, 'count', 'Events kept for one domain, those that repeat counting once; the oldest goes.'),
  logBytes: row(1_048_576, 'bytes', 'Lines of the log that wait for their destination; more are lost, counted, and told later.'),
  logKinds: row(1000, 'count', 'Kinds of log lines (event and domain, or event and cause) whose pace is remembered; the one silent longest is forgotten.'),
  logPerSecond: row(50, 'per second', 'Log lines in all, after a burst of ten times as many; more are left out, and counted in a later one.'),
  metricPeers: row(200, 'count', 'Peer domains with a metric label of their own; the others are folded into _other.'),
} as const satisfies Record<string, LimitRow>

export type LimitName = keyof typeof limitTable
export type Limits = Readonly<Record<LimitName, number>>

/** The defaults, with `overrides` on top. */
export function limitsWith(overrides: Partial<Limits> = {}): Limits {
  const limits = Object.fromEntries(
    Object.entries(limitTable).map(([name, { value }]) => [name, value]),
  ) as Record<LimitName, number>
  return { ...limits, ...overrides }
}
