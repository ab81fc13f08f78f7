/**
 * The cases of `test/vectors/frames.json`, and the examples of `docs/protocol.md`: frames, right and wrong, made with
 * the tests' own codec, so that they are not the program's opinion of itself.
 */
import { sign } from 'node:crypto'
import { b64 } from './forge.ts'
import * as wire from './script/codec.ts'
import { messageId } from './script/peer.ts'
import {
  day,
  linkToken,
  sharedToken,
  userToken,
  vectorKeys,
  vectorNow,
  vectorSet,
} from './token-vectors.ts'

const { type, tag, command } = wire

/** What a client proves itself with. */
const clientToken = linkToken({
  key: vectorKeys.client,
  claims: { iss: 'alice@a.example', aud: 'a.example' },
})

/** The key set of `a.example` with the two keys that sign the examples. */
function keySet(): string {
  const own = vectorSet.filter(({ name }) => name === 'link' || name === 'user')
  const set = {
    domain: 'a.example',
    ver: 7,
    iat: vectorNow - 3600,
    exp: vectorNow + 30 * day,
    keys: own.map(({ name, use, nbf, naf }) => ({
      kid: vectorKeys[name].kid,
      kty: 'OKP',
      crv: 'Ed25519',
      x: vectorKeys[name].x,
      use,
      nbf,
      naf,
    })),
    revoked: [vectorKeys.revoked.kid],
  }
  const text = b64(JSON.stringify(set))
  const signatures = own.map(({ name }) => {
    const { kid, privateKey } = vectorKeys[name]
    const header = b64(`{"alg":"Ed25519","typ":"pitp-keys+jws","kid":"${kid}"}`)
    return { kid, sig: b64(sign(null, Buffer.from(`${header}.${text}`), privateKey)) }
  })
  return JSON.stringify({ set: text, signatures })
}

const hello = (role: string, domain: string): string =>
  JSON.stringify({
    version: 1,
    role,
    domain,
    software: 'example 1.0',
    boot: b64(messageId(`boot ${domain}`)),
    state: b64(messageId(`state ${domain}`)),
    nonce: b64(Buffer.concat([messageId(`nonce 1 ${domain}`), messageId(`nonce 2 ${domain}`)])),
    services: ['im', 'pres'],
    limits: { messageBytes: 65_536, references: 16_384, subjects: 64 },
    extensions: [],
  })

const request = (flags: number, id: number, shape: wire.RequestShape): Buffer =>
  wire.frame(type.request, flags, id, wire.requestPayload(shape))

const response = (
  id: number,
  status: number,
  list: wire.FieldList = [],
  body: string = '',
): Buffer => wire.frame(type.response, 0, id, wire.responsePayload(status, list, Buffer.from(body)))

const place = wire.u32(vectorNow, 1)
const subscription = messageId('subscription')
const document = '{"tuples":{"laptop":{"basic":"open","note":"at work"}}}'
const longBody = 'A long text, in pieces.'

export type Example = { readonly name: string; readonly frames: readonly Buffer[] }

/** Shown in section 13, in this order. */
export const examples: readonly Example[] = [
  {
    name: 'HELLO of the initiating gateway',
    frames: [wire.frame(type.hello, 0, 0, Buffer.from(hello('gateway', 'a.example')))],
  },
  {
    name: 'HELLO of the receiving gateway',
    frames: [wire.frame(type.hello, 0, 0, Buffer.from(hello('gateway', 'b.example')))],
  },
  {
    name: 'PROVE, and its answer',
    frames: [
      request(wire.control, 1, { command: command.prove, fields: [[tag.token, linkToken()]] }),
      response(1, 0x0000),
    ],
  },
  {
    name: 'KEYS, first on a link that was dialled for it, and the key set',
    frames: [
      request(wire.control, 1, {
        command: command.keys,
        fields: [
          [tag.answerCredit, 65_536],
          [tag.domain, 'a.example'],
        ],
      }),
      response(1, 0x0000, [], keySet()),
    ],
  },
  {
    name: 'CREDENTIAL number 1',
    frames: [
      request(wire.im, 3, {
        command: command.credential,
        reference: 1,
        fields: [[tag.token, userToken()]],
      }),
    ],
  },
  {
    name: 'CREDENTIAL for two users, who get the numbers 2 and 3',
    frames: [
      request(wire.im, 19, {
        command: command.credential,
        fields: [
          [tag.token, sharedToken()],
          [tag.references, wire.u32(2, 3)],
        ],
      }),
    ],
  },
  {
    name: 'MESSAGE, the first of its lane',
    frames: [
      request(wire.im, 5, {
        command: command.message,
        hops: 1,
        reference: 1,
        fields: [
          [tag.lane, place],
          [tag.to, 'bob@b.example'],
          [tag.id, messageId('message')],
        ],
        body: Buffer.from('Hello, Bob'),
      }),
    ],
  },
  { name: 'RESPONSE: delivered', frames: [response(5, 0x0001)] },
  {
    name: 'RESPONSE: a failure for a time',
    frames: [
      response(7, 0x0405, [
        [tag.retryAfter, 500],
        [tag.reporter, 'b.example'],
        [tag.stage, 'policy'],
      ]),
    ],
  },
  {
    name: 'CREDIT: 256 requests and 524 288 bytes more of class im',
    frames: [wire.frame(type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(256, 524_288)]))],
  },
  {
    name: 'MESSAGE with a body in three pieces',
    frames: [
      request(wire.im | wire.more, 9, {
        command: command.message,
        hops: 1,
        reference: 1,
        fields: [
          [tag.bodyLength, longBody.length],
          [tag.lane, wire.u32(vectorNow, 2)],
          [tag.settled, 1],
          [tag.to, 'bob@b.example'],
          [tag.id, messageId('long message')],
          [tag.contentType, 'text/plain'],
        ],
        body: Buffer.from(longBody.slice(0, 6)),
      }),
      wire.frame(type.chunk, wire.more, 9, Buffer.from(longBody.slice(6, 12))),
      wire.frame(type.chunk, 0, 9, Buffer.from(longBody.slice(12))),
    ],
  },
  {
    name: 'CANCEL of a body that is not complete',
    frames: [wire.frame(type.cancel, 0, 11, Buffer.alloc(0))],
  },
  {
    name: 'SUBSCRIBE, and its answer',
    frames: [
      request(wire.pres, 13, {
        command: command.subscribe,
        hops: 1,
        reference: 1,
        fields: [
          [tag.to, 'bob@b.example'],
          [tag.subscription, subscription],
          [tag.lease, 3600],
        ],
      }),
      response(13, 0x0000, [[tag.lease, 3600]]),
    ],
  },
  {
    name: 'NOTIFY: the presence of bob, from the receiving side',
    frames: [
      request(wire.pres, 4, {
        command: command.notify,
        hops: 1,
        reference: 1,
        fields: [
          [tag.subscription, subscription],
          [tag.version, wire.u32(0x5eed5eed, 3)],
          [tag.state, Buffer.of(1)],
        ],
        body: Buffer.from(document),
      }),
    ],
  },
  {
    name: 'NOTIFY: the end of a subscription, and a refusal of it',
    frames: [
      request(wire.pres, 6, {
        command: command.notify,
        hops: 1,
        reference: 1,
        fields: [
          [tag.subscription, subscription],
          [tag.state, Buffer.of(3)],
          [tag.event, Buffer.of(8)],
        ],
      }),
      response(6, 0x0604, [[tag.subscription, subscription]]),
    ],
  },
  {
    name: 'RENEW of two subscriptions, of which one is not known',
    frames: [
      request(wire.pres, 15, {
        command: command.renew,
        hops: 1,
        fields: [
          [tag.domain, 'a.example'],
          [tag.audience, 'b.example'],
          [tag.subscriptions, Buffer.concat([subscription, messageId('another')])],
          [tag.lease, 3600],
        ],
      }),
      response(15, 0x0000, [[tag.leases, wire.u32(3600, 0)]]),
    ],
  },
  {
    name: 'FORGET numbers 1 and 2',
    frames: [
      request(wire.control, 17, {
        command: command.forget,
        fields: [[tag.references, wire.u32(1, 2)]],
      }),
    ],
  },
  {
    name: 'PING, and its answer',
    frames: [
      wire.frame(type.ping, 0, 0, wire.u32(0, 1)),
      wire.frame(type.ping, wire.ack, 0, wire.u32(0, 1)),
    ],
  },
  {
    name: 'RELEASE: the link is old; the last request taken was 17',
    frames: [
      wire.frame(type.release, 0, 0, Buffer.concat([Buffer.of(0x01, 0x07), wire.u32(0, 17)])),
    ],
  },
  {
    name: 'PROVE of a client',
    frames: [
      request(wire.control, 1, {
        command: command.prove,
        fields: [
          [tag.token, clientToken],
          [tag.publicKey, Buffer.from(vectorKeys.client.x, 'base64url')],
        ],
      }),
    ],
  },
  {
    name: 'PUBLISH of a client, and its answer',
    frames: [
      request(wire.pres, 3, {
        command: command.publish,
        fields: [
          [tag.lease, 3600],
          [tag.entityTag, messageId('entity-tag')],
        ],
        body: Buffer.from(document),
      }),
      response(3, 0x0000, [[tag.lease, 3600]]),
    ],
  },
  {
    name: 'MESSAGE from the gateway to a client',
    frames: [
      request(wire.im, 2, {
        command: command.message,
        hops: 2,
        fields: [
          [tag.from, 'alice@a.example'],
          [tag.to, 'bob@b.example'],
          [tag.id, messageId('message')],
        ],
        body: Buffer.from('Hello, Bob'),
      }),
    ],
  },
]

/** What a receiving gateway does with bytes that come on a new link from the initiating side. */
export type Reaction =
  | { readonly ends: string }
  | { readonly answers: { readonly id: number; readonly status: string } }
  | { readonly sends: string }
  | 'nothing'

export type Probe = {
  readonly name: string
  /** Id of the rule in `docs/protocol.md`. */
  readonly rule: string
  /** What the initiating side has sent before. */
  readonly after: 'nothing' | 'HELLO'
  readonly bytes: Buffer
  readonly reaction: Reaction
}

const ends = (status: string): Reaction => ({ ends: status })
const answers = (id: number, status: string): Reaction => ({ answers: { id, status } })

/** A REQUEST of KEYS with this block of fields, byte for byte. */
const keysWith = (block: Buffer, flags = 0, id = 1): Buffer =>
  wire.frame(
    type.request,
    flags,
    id,
    Buffer.concat([Buffer.of(command.keys, 0, 0, 0, 0, 0), u16(block.length), block]),
  )

const u16 = (number: number): Buffer => Buffer.of(number >> 8, number & 0xff)
const domainField = wire.fields([[tag.domain, 'c.example']])
const changed = (change: object): Buffer =>
  wire.frame(
    type.hello,
    0,
    0,
    Buffer.from(JSON.stringify({ ...JSON.parse(hello('gateway', 'a.example')), ...change })),
  )

// biome-ignore format: one case a line
export const probes: readonly Probe[] = [
  { name: 'a frame before HELLO', rule: 'LINK-5.2-1', after: 'nothing', bytes: wire.frame(type.ping, 0, 0, wire.u32(0, 1)), reaction: ends('protocol-state') },
  { name: 'a second HELLO', rule: 'LINK-5.2-1', after: 'HELLO', bytes: changed({}), reaction: ends('protocol-state') },
  { name: 'HELLO that is no JSON', rule: 'LINK-5.2-2', after: 'nothing', bytes: wire.frame(type.hello, 0, 0, Buffer.from('HELLO')), reaction: ends('bad-frame') },
  { name: 'HELLO with a member twice', rule: 'LINK-5.2-2', after: 'nothing', bytes: wire.frame(type.hello, 0, 0, Buffer.from(hello('gateway', 'a.example').replace('{', '{"version":1,'))), reaction: ends('bad-frame') },
  { name: 'HELLO with a domain in capitals', rule: 'LINK-5.2-2', after: 'nothing', bytes: changed({ domain: 'A.example' }), reaction: ends('bad-frame') },
  { name: 'HELLO with a short nonce', rule: 'LINK-5.2-2', after: 'nothing', bytes: changed({ nonce: 'AAAA' }), reaction: ends('bad-frame') },
  { name: 'HELLO without boot', rule: 'LINK-5.2-2', after: 'nothing', bytes: changed({ boot: undefined }), reaction: ends('bad-frame') },
  { name: 'HELLO with a member that nobody knows', rule: 'LINK-5.2-3', after: 'nothing', bytes: changed({ mood: 'sunny' }), reaction: 'nothing' },
  { name: 'HELLO of version 2', rule: 'LINK-5.2-4', after: 'nothing', bytes: changed({ version: 2 }), reaction: ends('version-unsupported') },
  { name: 'HELLO of a client at the door for gateways', rule: 'LINK-5.2-7', after: 'nothing', bytes: changed({ role: 'client' }), reaction: ends('protocol-state') },
  { name: 'a header that announces 16 385 bytes', rule: 'LINK-3.2-4', after: 'HELLO', bytes: Buffer.of(0x00, 0x40, 0x01, type.request, 0, 0, 0, 0, 1), reaction: ends('bad-frame') },
  { name: 'a frame of an unknown type', rule: 'LINK-3.2-5', after: 'HELLO', bytes: wire.frame(0x40, 0, 0, Buffer.of(1, 2, 3)), reaction: 'nothing' },
  { name: 'a frame of an unknown type, with CRITICAL', rule: 'LINK-3.2-5', after: 'HELLO', bytes: wire.frame(0x40, wire.critical, 0, Buffer.of(1, 2, 3)), reaction: ends('bad-frame') },
  { name: 'PING with flags that mean nothing there, and an id', rule: 'LINK-3.2-6', after: 'HELLO', bytes: wire.frame(type.ping, 0x7b, 99, wire.u32(7, 8)), reaction: { sends: wire.frame(type.ping, wire.ack, 0, wire.u32(7, 8)).toString('hex') } },
  { name: 'a REQUEST with the id of the other side', rule: 'LINK-3.3-1', after: 'HELLO', bytes: keysWith(domainField, 0, 2), reaction: ends('protocol-state') },
  { name: 'a REQUEST with the id 0', rule: 'LINK-3.3-1', after: 'HELLO', bytes: keysWith(domainField, 0, 0), reaction: ends('protocol-state') },
  { name: 'an id twice', rule: 'LINK-3.3-1', after: 'HELLO', bytes: Buffer.concat([keysWith(domainField, 0, 3), keysWith(domainField, 0, 3)]), reaction: ends('protocol-state') },
  { name: 'a REQUEST of 7 bytes', rule: 'LINK-4.2-1', after: 'HELLO', bytes: wire.frame(type.request, 0, 1, Buffer.alloc(7)), reaction: ends('bad-frame') },
  { name: 'fields that reach over the end of a REQUEST', rule: 'LINK-4.2-1', after: 'HELLO', bytes: wire.frame(type.request, 0, 1, Buffer.of(command.keys, 0, 0, 0, 0, 0, 0, 9, 1)), reaction: ends('bad-frame') },
  { name: 'a REQUEST of 7 bytes with the id of the other side', rule: 'LINK-3.3-4', after: 'HELLO', bytes: wire.frame(type.request, 0, 2, Buffer.alloc(7)), reaction: ends('bad-frame') },
  { name: 'a REQUEST of class 3 with the id of the other side', rule: 'LINK-3.3-4', after: 'HELLO', bytes: keysWith(domainField, 0x30, 2), reaction: ends('bad-frame') },
  { name: 'a broken field in a REQUEST with the id of the other side', rule: 'LINK-3.3-4', after: 'HELLO', bytes: keysWith(Buffer.of(tag.domain, 0), 0, 2), reaction: ends('bad-frame') },
  { name: 'MORE without bodyLength in a REQUEST with the id of the other side', rule: 'LINK-3.3-4', after: 'HELLO', bytes: keysWith(domainField, wire.more, 2), reaction: ends('bad-frame') },
  { name: 'MORE without bodyLength in a RESPONSE to nothing', rule: 'LINK-3.3-4', after: 'HELLO', bytes: wire.frame(type.response, wire.more, 2, wire.responsePayload(0, [], Buffer.alloc(0))), reaction: ends('bad-frame') },
  { name: 'a long RESPONSE to nothing', rule: 'LINK-4.3-4', after: 'HELLO', bytes: wire.frame(type.response, wire.more, 2, wire.responsePayload(0, [[tag.bodyLength, 9]], Buffer.alloc(0))), reaction: ends('protocol-state') },
  { name: 'fields that reach over the end of a RESPONSE', rule: 'LINK-4.3-1', after: 'HELLO', bytes: wire.frame(type.response, 0, 2, Buffer.of(0, 0, 0, 1)), reaction: ends('bad-frame') },
  { name: 'a REQUEST of class 3', rule: 'LINK-4.2-2', after: 'HELLO', bytes: keysWith(domainField, 0x30), reaction: ends('bad-frame') },
  { name: 'a field that reaches over the end of the block', rule: 'LINK-4.1-1', after: 'HELLO', bytes: keysWith(Buffer.of(tag.domain, 0, 9, 0x63)), reaction: ends('bad-frame') },
  { name: 'a field of two bytes', rule: 'LINK-4.1-1', after: 'HELLO', bytes: keysWith(Buffer.of(tag.domain, 0)), reaction: ends('bad-frame') },
  { name: 'tags that fall', rule: 'LINK-4.1-2', after: 'HELLO', bytes: keysWith(wire.fields([[tag.domain, 'c.example'], [tag.answerCredit, 65_536]])), reaction: ends('bad-frame') },
  { name: 'a tag twice', rule: 'LINK-4.1-2', after: 'HELLO', bytes: keysWith(Buffer.concat([domainField, domainField])), reaction: ends('bad-frame') },
  { name: 'the tag 0', rule: 'LINK-4.1-2', after: 'HELLO', bytes: keysWith(wire.fields([[0, 'x'], [tag.domain, 'c.example']])), reaction: ends('bad-frame') },
  { name: '33 fields', rule: 'LINK-4.1-3', after: 'HELLO', bytes: keysWith(wire.fields(Array.from({ length: 33 }, (_, i) => [0x80 + 2 * i, ''] as const))), reaction: ends('bad-frame') },
  { name: 'a value of 2049 bytes', rule: 'LINK-4.1-3', after: 'HELLO', bytes: keysWith(wire.fields([[0x80, Buffer.alloc(2049)]])), reaction: ends('bad-frame') },
  { name: 'an unknown odd field of this hop', rule: 'LINK-4.1-4', after: 'HELLO', bytes: keysWith(wire.fields([[0x1f, ''], [tag.domain, 'c.example']])), reaction: answers(1, 'feature-required') },
  { name: 'an unknown even field of this hop', rule: 'LINK-4.1-4', after: 'HELLO', bytes: keysWith(wire.fields([[0x1e, ''], [tag.domain, 'c.example']])), reaction: answers(1, 'domain-not-hosted') },
  { name: 'an unknown odd end-to-end field', rule: 'LINK-4.1-5', after: 'HELLO', bytes: keysWith(wire.fields([[tag.domain, 'c.example'], [0x71, '']])), reaction: answers(1, 'feature-required') },
  { name: 'an unknown even end-to-end field', rule: 'LINK-4.1-5', after: 'HELLO', bytes: keysWith(wire.fields([[tag.domain, 'c.example'], [0x70, '']])), reaction: answers(1, 'domain-not-hosted') },
  { name: 'KEYS of a domain that no certificate was shown for', rule: 'LINK-6.2-2', after: 'HELLO', bytes: keysWith(domainField), reaction: answers(1, 'domain-not-hosted') },
  { name: 'KEYS without a domain', rule: 'LINK-6.2-2', after: 'HELLO', bytes: keysWith(Buffer.alloc(0)), reaction: answers(1, 'bad-request') },
  { name: 'PROVE without a token', rule: 'LINK-6.1-1', after: 'HELLO', bytes: request(wire.control, 1, { command: command.prove }), reaction: answers(1, 'bad-request') },
  { name: 'PROVE with something that is no token', rule: 'LINK-10.1-1', after: 'HELLO', bytes: request(wire.control, 1, { command: command.prove, fields: [[tag.token, 'abc']] }), reaction: answers(1, 'credential-format') },
  { name: 'MORE without bodyLength', rule: 'LINK-4.4-1', after: 'HELLO', bytes: keysWith(domainField, wire.more), reaction: ends('bad-frame') },
  { name: 'bodyLength under what is there', rule: 'LINK-4.4-2', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 1]], body: Buffer.from('ab') })]), reaction: ends('bad-frame') },
  { name: 'pieces that are too few', rule: 'LINK-4.4-2', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 4]], body: Buffer.from('ab') }), wire.frame(type.chunk, 0, 1, Buffer.from('c'))]), reaction: ends('bad-frame') },
  { name: 'pieces that are too many', rule: 'LINK-4.4-2', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 3]], body: Buffer.from('ab') }), wire.frame(type.chunk, 0, 1, Buffer.from('cd'))]), reaction: ends('bad-frame') },
  { name: 'all of a body, and MORE', rule: 'LINK-4.4-2', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 3]], body: Buffer.from('ab') }), wire.frame(type.chunk, wire.more, 1, Buffer.from('c'))]), reaction: ends('bad-frame') },
  { name: 'a body in pieces', rule: 'LINK-4.4-1', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 3], [tag.domain, 'c.example']], body: Buffer.from('ab') }), wire.frame(type.chunk, 0, 1, Buffer.from('c'))]), reaction: answers(1, 'domain-not-hosted') },
  { name: 'a CHUNK of no body', rule: 'LINK-4.4-1', after: 'HELLO', bytes: wire.frame(type.chunk, 0, 1, Buffer.from('c')), reaction: ends('protocol-state') },
  { name: 'a body of 65 537 bytes', rule: 'LINK-4.4-6', after: 'HELLO', bytes: request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 65_537]], body: Buffer.from('ab') }), reaction: answers(1, 'too-large') },
  { name: 'a body that is taken back', rule: 'LINK-4.4-5', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 3]], body: Buffer.from('ab') }), wire.frame(type.cancel, 0, 1, Buffer.alloc(0))]), reaction: answers(1, 'cancelled') },
  { name: 'CANCEL of nothing', rule: 'LINK-4.4-5', after: 'HELLO', bytes: wire.frame(type.cancel, 0, 1, Buffer.alloc(0)), reaction: 'nothing' },
  { name: 'a RESPONSE to nothing', rule: 'LINK-4.3-4', after: 'HELLO', bytes: response(2, 0), reaction: ends('protocol-state') },
  { name: 'a RESPONSE of 3 bytes', rule: 'LINK-4.3-1', after: 'HELLO', bytes: wire.frame(type.response, 0, 2, Buffer.alloc(3)), reaction: ends('bad-frame') },
  { name: 'CREDIT of 8 bytes', rule: 'LINK-7.1-3', after: 'HELLO', bytes: wire.frame(type.credit, 0, 0, Buffer.alloc(8)), reaction: ends('bad-frame') },
  { name: 'CREDIT of class 3', rule: 'LINK-7.1-3', after: 'HELLO', bytes: wire.frame(type.credit, 0, 0, Buffer.concat([Buffer.of(3), wire.u32(1, 1)])), reaction: ends('bad-frame') },
  { name: 'CREDIT beyond 2^31 - 1', rule: 'LINK-7.1-3', after: 'HELLO', bytes: wire.frame(type.credit, 0, 0, Buffer.concat([Buffer.of(1), wire.u32(0x7fffffff, 1)])), reaction: ends('flow-exceeded') },
  { name: 'PING of 7 bytes', rule: 'LINK-8.3-1', after: 'HELLO', bytes: wire.frame(type.ping, 0, 0, Buffer.alloc(7)), reaction: ends('bad-frame') },
  { name: 'PING with ACK that nobody asked for', rule: 'LINK-8.3-1', after: 'HELLO', bytes: wire.frame(type.ping, wire.ack, 0, wire.u32(0, 9)), reaction: 'nothing' },
  { name: 'two CHUNKs without a byte', rule: 'LINK-8.1-1', after: 'HELLO', bytes: Buffer.concat([request(wire.more, 1, { command: command.keys, fields: [[tag.bodyLength, 3]] }), wire.frame(type.chunk, wire.more, 1, Buffer.alloc(0)), wire.frame(type.chunk, wire.more, 1, Buffer.alloc(0))]), reaction: ends('flood') },
]

const classNames = ['control', 'im', 'pres']
const nameOf = (table: Readonly<Record<string, number>>, value: number): string =>
  Object.entries(table).find(([, number]) => number === value)?.[0] ?? `0x${value.toString(16)}`

/** Values that are text, and those that are lists of numbers. */
const texts: ReadonlySet<number> = new Set([
  tag.from,
  tag.to,
  tag.contentType,
  tag.reporter,
  tag.stage,
  tag.text,
  tag.token,
  tag.userCredential,
  tag.domain,
  tag.audience,
  tag.scope,
])
const bytes: ReadonlySet<number> = new Set([
  tag.id,
  tag.publicKey,
  tag.subscription,
  tag.subscriptions,
  tag.entityTag,
  tag.ifMatch,
])

function meaningOf(number: number, value: Buffer): string | number | readonly number[] {
  if (texts.has(number)) return value.toString()
  if (bytes.has(number)) return value.toString('hex')
  if (value.length === 1) return value[0] as number
  const numbers = Array.from({ length: value.length / 4 }, (_, i) => value.readUInt32BE(i * 4))
  return numbers.length === 1 ? (numbers[0] as number) : numbers
}

const fieldsMeaning = (list: wire.Fields) =>
  Object.fromEntries(
    [...list].map(([number, value]) => [nameOf(tag, number), meaningOf(number, value)]),
  )

/** What a frame says, in words. */
function decode(frame: wire.Frame, isAnswer: boolean): Readonly<Record<string, unknown>> {
  const { flags, id, payload } = frame
  const name = nameOf(type, frame.type).toUpperCase()
  const flagNames = [
    ...((flags & wire.more) !== 0 ? ['MORE'] : []),
    ...((flags & wire.ofAnswer) !== 0 ? ['ANSWER'] : []),
    ...((flags & wire.ack) !== 0 ? ['ACK'] : []),
  ]
  const head = { frame: name, flags: flagNames, id }
  switch (frame.type) {
    case type.hello:
      return { ...head, hello: JSON.parse(payload.toString()) }
    case type.request: {
      const {
        trafficClass,
        hops,
        reference,
        fields,
        body,
        command: number,
      } = wire.readRequest(frame)
      return {
        ...head,
        class: classNames[trafficClass],
        command: nameOf(command, number).toUpperCase(),
        hops,
        reference,
        fields: fieldsMeaning(fields),
        body: body.toString(),
      }
    }
    case type.response: {
      const { status, fields, body } = wire.readResponse(frame)
      return { ...head, status, fields: fieldsMeaning(fields), body: body.toString() }
    }
    case type.credit:
      return {
        ...head,
        class: classNames[payload[0] as number],
        requests: payload.readUInt32BE(1),
        bytes: payload.readUInt32BE(5),
      }
    case type.release:
      return {
        ...head,
        reason: payload.readUInt16BE(0),
        retryMs: payload.readUInt32BE(2),
        last: payload.readUInt32BE(6),
      }
    case type.chunk:
      return { ...head, ofAnswer: isAnswer, body: payload.toString() }
    default:
      return { ...head, payload: payload.toString('hex') }
  }
}

/** The text of `test/vectors/frames.json`. */
export function writeFrameVectors(): string {
  const file = {
    about: [
      'Frames as docs/protocol.md describes them, in hexadecimal, and what they mean. Ids of rules are those of the page.',
      '`good`: encode the meaning and compare, decode the bytes and compare; `status` and `reason` are numbers.',
      '`probes`: bytes that the initiating side sends on a new link to a gateway of b.example, after HELLO or as the first',
      'thing; the gateway then ends the link with RELEASE and this reason, answers, sends these bytes, or does nothing.',
      'Tokens are those of tokens.json; every private key is public: never use one.',
    ],
    good: examples.flatMap(({ name, frames }) =>
      frames.map((frame, i) => ({
        name: frames.length > 1 ? `${name} (${i + 1})` : name,
        hex: frame.toString('hex'),
        meaning: decode(wire.readFrames(frame).frames[0] as wire.Frame, false),
      })),
    ),
    probes: probes.map(({ name, rule, after, bytes: sent, reaction }) => ({
      name,
      rule,
      after,
      hex: sent.toString('hex'),
      reaction,
    })),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}
