/**
 * HELLO: what each side says of itself first. It proves nothing.
 *
 * Fails: `bad-frame` (grammar), `version-unsupported`.
 * Spec:  [LINK-5.2-1] to [LINK-5.2-5]
 */

import type { Service } from '../address/address.ts'
import { type Domain, readDomain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import { decodeBase64url } from '../lib/base64url.ts'
import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  parseStrictJson,
} from '../lib/strict-json.ts'
import { mostSubjects } from '../wire/registry.ts'

const protocolVersion = 1

export type Role = 'gateway' | 'client'

export type Hello = {
  readonly role: Role
  /** The domain that the sender mainly speaks for; not proven by this. [LINK-5.2-8] */
  readonly domain: Domain
  readonly software: string
  /** Names this process: 128 random bits. */
  readonly boot: string
  /** Names the subscription store: another value means that subscriptions were lost. */
  readonly state: string
  /** 256 random bits; binds proofs to a plain channel. */
  readonly nonce: string
  readonly services: readonly Service[]
  /** Longest message body that is taken. */
  readonly messageBytes: number
  /** Credentials that are held at once. */
  readonly references: number
  /** [LINK-6.3-10] Users of one token that are taken; 0: only tokens for one user are. */
  readonly subjects: number
}

export function encodeHello(hello: Hello): Buffer {
  const { role, domain, software, boot, state, nonce, services } = hello
  const { messageBytes, references, subjects } = hello
  return Buffer.from(
    JSON.stringify({
      version: protocolVersion,
      role,
      domain,
      software,
      boot,
      state,
      nonce,
      services,
      limits: { messageBytes, references, subjects },
      extensions: [],
    }),
  )
}

export type HelloResult =
  | { readonly ok: true; readonly hello: Hello }
  | { readonly ok: false; readonly code: Status; readonly detail: string }

const refuse = (detail: string): HelloResult => ({ ok: false, code: 'bad-frame', detail })

/** [LINK-5.2-2] [LINK-5.2-3] Members that are not known are ignored: that is how HELLO grows. */
export function decodeHello(bytes: Buffer): HelloResult {
  const json = parseStrictJson(bytes, 4)
  if (!json.ok) return refuse(`HELLO: ${json.detail}`)
  if (!isObject(json.value)) return refuse('HELLO: expected an object')
  const body = json.value
  // [LINK-5.2-4] Before anything else, since another version may look otherwise.
  if (body['version'] !== protocolVersion) {
    return { ok: false, code: 'version-unsupported', detail: 'HELLO: expected version 1' }
  }
  const role = body['role']
  if (role !== 'gateway' && role !== 'client')
    return refuse('HELLO: expected role gateway or client')
  const domain = readDomain(textOf(body['domain'], 253))
  if (domain === undefined || domain !== body['domain']) {
    return refuse('HELLO: expected a domain in A-labels')
  }
  const limits = isObject(body['limits']) ? body['limits'] : ({} as JsonObject)
  const hello: Hello = {
    role,
    domain,
    software: textOf(body['software'], 64),
    boot: textOf(body['boot'], 64),
    state: textOf(body['state'], 64),
    nonce: textOf(body['nonce'], 64),
    services: servicesOf(body['services']),
    messageBytes: countOf(limits['messageBytes'], 65_536),
    references: countOf(limits['references'], 16_384),
    subjects: Math.min(countOf(limits['subjects'], 0), mostSubjects),
  }
  // 256 bits in base64url are 43 characters.
  if (hello.boot === '' || decodeBase64url(hello.nonce)?.length !== 32) {
    return refuse('HELLO: expected boot, and a nonce of 32 bytes in base64url')
  }
  return { ok: true, hello }
}

const textOf = (value: JsonValue | undefined, most: number): string =>
  typeof value === 'string' && value.length <= most ? value : ''

const countOf = (value: JsonValue | undefined, otherwise: number): number =>
  typeof value === 'number' && value > 0 ? value : otherwise

function servicesOf(value: JsonValue | undefined): readonly Service[] {
  if (value === undefined || !isArray(value)) return ['im', 'pres']
  return (['im', 'pres'] as const).filter((service) => value.includes(service))
}
