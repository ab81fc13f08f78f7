/**
 * The numbers and words of the link protocol: frames, flags, classes, commands, fields, states and scopes.
 *
 * `docs/protocol.md` sections 3 to 6 say the same in prose; a test holds the two together. A number that is
 * reserved here is never used for anything else.
 */

/** [LINK-3.2-1] A frame starts with this many bytes: length (24), type (8), flags (8), id (32). */
export const headerBytes = 9

/** [LINK-4.2-1] A REQUEST payload starts with command (8), hops (8), reference (32), field length (16). */
export const requestHeadBytes = 8

/** [LINK-4.3-1] A RESPONSE payload starts with status (16), field length (16). */
export const responseHeadBytes = 4

export const frame = {
  hello: 0x01,
  request: 0x02,
  response: 0x03,
  chunk: 0x04,
  credit: 0x05,
  cancel: 0x06,
  ping: 0x07,
  release: 0x08,
} as const

/** [LINK-3.2-6] Bits that have no meaning on a frame are 0, and are not looked at. */
export const flag = {
  /** The body goes on in CHUNK frames. [LINK-4.4-1] */
  more: 0x01,
  /** On CHUNK and CANCEL: the body is that of the answer with this id, not of the request. */
  answer: 0x02,
  /** On PING: this is the answer. */
  ack: 0x04,
  /** On a frame of unknown type: whoever does not know it closes the link. */
  critical: 0x80,
} as const

/** [LINK-4.2-2] Bits 4 and 5 of the flags of a REQUEST hold its class. */
export const classShift = 4
export const classMask = 0x30

/** Classes have separate credit and a fixed order of service. */
export const trafficClass = { control: 0, im: 1, pres: 2 } as const
export const classNames = ['control', 'im', 'pres'] as const
export type TrafficClass = 0 | 1 | 2

export type CommandRow = {
  readonly number: number
  readonly trafficClass: TrafficClass
  /** `later`: the number is taken, the command is not offered yet. */
  readonly status: 'now' | 'later'
  readonly meaning: string
}

const { control, im, pres } = trafficClass
const now = (number: number, trafficClass: TrafficClass, meaning: string): CommandRow => ({
  number,
  trafficClass,
  status: 'now',
  meaning,
})
const later = (number: number, trafficClass: TrafficClass, meaning: string): CommandRow => ({
  number,
  trafficClass,
  status: 'later',
  meaning,
})

// biome-ignore format: one row a line
export const commands = {
  prove: now(0x01, control, 'Proves that the sender speaks for a domain (or a client for a user) on this channel.'),
  keys: now(0x02, control, 'Asks for the key set of a domain.'),
  credential: now(0x03, control, 'Shows a user credential and gives it a number, or one of several users and each of them; travels in the class of the request that needs it.'),
  forget: now(0x04, control, 'Takes numbers of credentials back.'),
  verify: later(0x05, control, 'Asks the home domain whether a credential is good.'),
  issue: now(0x06, control, 'A client asks its gateway for its next credential.'),
  message: now(0x10, im, 'Sends an instant message.'),
  report: later(0x11, im, 'Tells the end of a message that was queued.'),
  receipt: later(0x12, im, 'Tells what became of a message at the recipient.'),
  publish: now(0x20, pres, 'Creates, refreshes, modifies or removes published presence.'),
  fetch: now(0x21, pres, 'Asks once for the presence of a presentity.'),
  subscribe: now(0x22, pres, 'Asks for the presence of a presentity and its changes, for a time.'),
  renew: now(0x23, pres, 'Extends subscriptions, many at once.'),
  unsubscribe: now(0x24, pres, 'Ends a subscription.'),
  notify: now(0x25, pres, 'Tells a watcher the presence of a presentity.'),
  watchers: later(0x26, pres, 'Asks who watches.'),
  rules: later(0x27, pres, 'Reads and writes the rules of a presentity and an inbox.'),
  group: later(0x28, pres, 'Names the watchers that share a view.'),
  resync: later(0x29, pres, 'Compares subscriptions after an outage.'),
} as const satisfies Record<string, CommandRow>

export type CommandName = keyof typeof commands

/** Commands that a gateway passes on: the last receiver judges their end-to-end fields. The others end here. */
export const travelling: ReadonlySet<number> = new Set([
  commands.message.number,
  commands.fetch.number,
])

const commandByNumber = new Map<number, CommandName>(
  Object.entries(commands).map(([name, { number }]) => [number, name as CommandName]),
)

export const commandOf = (number: number): CommandName | undefined => commandByNumber.get(number)

export type FieldRow = {
  readonly tag: number
  readonly shape: string
  readonly meaning: string
}

const field = (tag: number, shape: string, meaning: string): FieldRow => ({ tag, shape, meaning })

/**
 * Odd tags have to be understood, even ones may be ignored. 0x01 to 0x1F belong to one hop and are written anew
 * at each; the others travel from end to end unchanged.
 */
// biome-ignore format: one row a line
export const fields = {
  bodyLength: field(0x01, 'u32', 'Length of the whole body; with the MORE flag only.'),
  retryAfter: field(0x02, 'u32 ms', 'Wait this long before another try.'),
  lane: field(0x03, 'u32 epoch, u32 sequence', 'Place of a MESSAGE in its lane.'),
  settled: field(0x04, 'u32', 'Highest sequence of the lane whose answer, and all before it, the sender holds.'),
  answerCredit: field(0x06, 'u32 bytes', 'Longest answer body that the one who asks accepts; without it, what fits one frame.'),
  life: field(0x08, 'u32 ms', 'Reserved: what is left of the life of a MESSAGE.'),
  trace: field(0x0a, 'list of u64', 'Reserved: marks of the gateways passed.'),

  from: field(0x21, 'address', 'Sender or presentity; from a gateway to a client only.'),
  to: field(0x23, 'address', 'Recipient or presentity.'),
  id: field(0x25, '16 bytes', 'Id of a message, chosen by its sender, 128 random bits.'),
  contentType: field(0x27, 'ASCII', 'Media type of the body; "text/plain;charset=utf-8" without it.'),
  reporter: field(0x28, 'domain', 'Who found the failure.'),
  stage: field(0x2a, 'ASCII', 'Where it was found.'),
  text: field(0x2c, 'UTF-8', 'A sentence for the log of the one who asked.'),
  token: field(0x31, 'compact JWS', 'A link assertion, or a credential of one or several users.'),
  userCredential: field(0x33, 'compact JWS', 'With PROVE of a client: the credential that names its key.'),
  publicKey: field(0x35, '32 bytes', 'With PROVE of a client: its Ed25519 public key.'),
  domain: field(0x37, 'domain', 'The domain that a request is about.'),
  references: field(0x39, 'list of u32', 'Numbers of credentials.'),
  audience: field(0x3b, 'domain', 'With ISSUE the domain that the credential is meant for; with RENEW that of the presentities.'),
  scope: field(0x3d, 'ASCII', 'With ISSUE: what the credential should allow.'),
  subscription: field(0x41, '16 bytes', 'Id of a subscription, chosen by the watcher, 128 random bits.'),
  subscriptions: field(0x43, 'list of 16 bytes', 'Ids of subscriptions.'),
  lease: field(0x45, 'u32 s', 'Wanted or granted time; with PUBLISH 0 removes.'),
  leases: field(0x47, 'list of u32 s', 'Granted times, in the order of the ids asked; 0: no such subscription.'),
  entityTag: field(0x49, '16 bytes', 'Tag of a publication that this request makes.'),
  ifMatch: field(0x4b, '16 bytes', 'Tag of the publication that this request is about.'),
  version: field(0x4d, 'u32 epoch, u32 sequence', 'Version of a presence document.'),
  state: field(0x4f, 'u8', 'State of a subscription: 1 active, 2 pending, 3 terminated, 4 unknown.'),
  event: field(0x51, 'u8', 'What led to the state, as RFC 3857 names it: 1 subscribe, 2 approved, 3 deactivated, 4 probation, 5 rejected, 6 timeout, 7 giveup, 8 noresource.'),
} as const satisfies Record<string, FieldRow>

/** [LINK-10.3-4] Users of one token for several. */
export const mostSubjects = 64

/** [LINK-6.11-1] Ids in one RENEW: what fits one field; so many requests of a kind go to a domain at once. */
export const renewBatch = 100

/** Tags up to here belong to one hop. */
export const lastHopTag = 0x1f

/** [LINK-4.1-9] What a hop adds takes no more: its own fields, the longest `from` with them. */
export const hopRoom = { bytes: 1024, fields: 8 } as const

/** [LINK-4.1-9] What is passed on has no more end-to-end fields: of what one block holds the room of a hop is left. */
export const endToEndRoom = { bytes: 8192 - hopRoom.bytes, fields: 32 - hopRoom.fields } as const

/** [LINK-4.1-9] Nothing stands before `from`, which is written in front of the end-to-end fields. */
export const unusedTag = 0x20

export const subscriptionState = { active: 1, pending: 2, terminated: 3, unknown: 4 } as const

export const subscriptionEvent = {
  subscribe: 1,
  approved: 2,
  deactivated: 3,
  probation: 4,
  rejected: 5,
  timeout: 6,
  giveup: 7,
  noresource: 8,
} as const

export type SubscriptionState = keyof typeof subscriptionState
export type SubscriptionEvent = keyof typeof subscriptionEvent

/** What a user credential may allow. [LINK-10.3-2] */
export const scopes = ['im.send', 'pres.watch', 'pres.publish', 'pres.notify'] as const
export type Scope = (typeof scopes)[number]
