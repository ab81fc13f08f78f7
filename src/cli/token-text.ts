/** A token and the verdict on it, explained line by line. */
import { printableLine } from '../lib/printable.ts'
import type { Host } from './host.ts'
import { type Paint, painter } from './paint.ts'
import { columns } from './table.ts'
import type { Inspection } from './token-report.ts'

const meanings: Readonly<Record<string, string>> = {
  alg: 'how it is signed',
  typ: 'what kind of token it is',
  kid: 'the key that signed it',
  iss: 'who says this',
  sub: 'whom it is about',
  aud: 'the one domain that it is meant for',
  iat: 'when it was made',
  nbf: 'not good before',
  exp: 'not good after',
  jti: 'its own id',
  scope: 'what it allows',
  cnf: 'the key of the user that it names: good in the hands of its holder',
  subs: 'the users that it is about, at the domain that signed it',
  cb: 'the one TLS channel that it belongs to',
}

const kinds = {
  credential: 'A user credential: a domain vouches for one of its users.',
  credentials: 'A credential of several users: a domain vouches for each of them.',
  link: 'A link assertion: a domain, or a user with a key, speaks on one TLS channel.',
  unknown: 'Not a token of this protocol.',
} as const

const times = new Set(['iat', 'nbf', 'exp'])

export function inspectionText(host: Host, inspection: Inspection): string {
  const paint = painter(host, 'out')
  const { kind, header, claims, now } = inspection
  const rows = [...membersOf(header), ...membersOf(claims)].map(([name, value]) => [
    paint('bold', printableLine(name)),
    valueText(name, value, now),
    paint('dim', meanings[name] ?? 'not known here, and ignored'),
  ])
  return `${kinds[kind]}\n\n${columns(rows)}\n${verdict(inspection, paint)}`
}

const membersOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : []

function valueText(name: string, value: unknown, now: number): string {
  if (typeof value === 'number' && times.has(name)) return timeText(value, now)
  return printableLine(typeof value === 'string' ? value : JSON.stringify(value))
}

/** `1790000000 (12 s ago)` */
const timeText = (seconds: number, now: number): string =>
  `${seconds} (${seconds <= now ? `${now - seconds} s ago` : `in ${seconds - now} s`})`

function verdict({ ok, signature, faults }: Inspection, paint: Paint): string {
  const lines = faults.map(({ code, detail }) => `${paint('red', code)}: ${printableLine(detail)}`)
  const checked =
    signature === 'not checked'
      ? 'not checked: --keys or --config gives keys'
      : paint(signature === 'good' ? 'green' : 'red', signature)
  const summary = ok
    ? `${paint('green', 'good')}, as far as it was checked`
    : paint('red', 'not good')
  return `${[`signature ${checked}`, ...lines, summary].join('\n')}\n`
}
