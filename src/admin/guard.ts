/**
 * Who may ask the admin port: decided on the head of a request alone.
 *
 * In:    the headers Host, Origin and Authorization, each of which may come once.
 * Out:   `undefined`, or the HTTP status of the refusal.
 * Fails: never.
 *
 * A page in the operator's browser must not read this port. On loopback there may be no token, so the name that the
 * browser believes to talk to has to be a name of loopback: a name that was rebound in DNS is another (A143).
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '../lib/ip.ts'

export type GuardOptions = { readonly address: string; readonly token: string | null }

export type Guard = {
  /** 400: two readers could take it for two different requests (RFC 9112 §3.2). */
  readonly ambiguous: (headers: NodeJS.Dict<string[]>) => 400 | undefined
  /** 403: asked by a page of somebody else. */
  readonly foreign: (headers: IncomingHttpHeaders) => 403 | undefined
  /** 403: a browser says that a page of somebody else leads here (Fetch Metadata): what is asked may do something. */
  readonly embedded: (headers: IncomingHttpHeaders) => 403 | undefined
  /** 401: without the token. */
  readonly unknown: (headers: IncomingHttpHeaders) => 401 | undefined
}

export function createGuard({ address, token }: GuardOptions): Guard {
  const isLocal = isLoopback(address)
  const wanted = token === null ? undefined : digest(`Bearer ${token}`)
  return {
    ambiguous: (headers) =>
      [headers['host'], headers['origin'], headers['authorization']].some(
        (values) => values !== undefined && values.length > 1,
      )
        ? 400
        : undefined,
    foreign: ({ host, origin }) => {
      // Without one it is HTTP/1.0, and no browser.
      if (host !== undefined && isLocal && !isLoopbackHost(host)) return 403
      return origin === undefined || hostOf(origin) === host?.toLowerCase() ? undefined : 403
    },
    embedded: ({ 'sec-fetch-site': site }) =>
      site === 'cross-site' || site === 'same-site' ? 403 : undefined,
    unknown: ({ authorization = '' }) => {
      if (wanted === undefined) return undefined
      // Digests have one length and tell nothing by the time that it takes to compare them.
      return timingSafeEqual(digest(authorization), wanted) ? undefined : 401
    },
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The value of a Host header, with or without a port: a tunnel has another port than we. */
const isLoopbackHost = (host: string): boolean =>
  /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)

/** Of an Origin header; `null` and what is not HTTP has none. */
const hostOf = (origin: string): string | undefined =>
  /^https?:\/\/([^/?#@\s]+)$/i.exec(origin)?.[1]?.toLowerCase()
