/** The steps of a resolution as a table: what was asked, who answered what, how old it is, what follows. */
import type { Status } from '../errors.ts'
import type { Explanation } from '../resolve/resolver.ts'
import type { Step } from '../resolve/steps.ts'
import type { Host } from './host.ts'
import { type Paint, painter } from './paint.ts'
import { columns, widthOf } from './table.ts'

const head = ['STEP', 'ASKED', 'SERVER', 'ANSWER', 'AGE', 'TTL', 'DECISION', 'WHY']

export function explanationText(
  host: Pick<Host, 'env' | 'terminal' | 'columns'>,
  { steps, result, sentence }: Explanation,
): string {
  const paint = painter(host, 'out')
  const rows = steps.map((step, i) => rowOf(step, i + 1, paint))
  const whole = columns([head.map((cell) => paint('bold', cell)), ...rows])
  const end = paint(result === 'ok' ? 'green' : 'red', result)
  const advice = advices[result] ?? ''
  return `${fits(whole, host) ? whole : narrow(rows, paint)}\n${end}: ${sentence}\n${advice}`
}

/** Whose side it is, and what to look at first; `docs/errors.md` has more. */
const advices: Readonly<Partial<Record<Status, string>>> = {
  'dns-failed': 'Our side first: the name servers in the table, and the way to them.\n',
  'address-blocked':
    'A peer in your own network: list its range in resolve.allowRanges. Else their DNS is wrong.\n',
  'remote-not-found': 'The domain is mistyped, or publishes nothing in DNS.\n',
  'remote-declines': 'Their side: the domain publishes that it does not offer this service.\n',
  'remote-unreachable':
    'Their side first: their DNS, their gateway, a firewall. If all domains fail, it is our network.\n',
  'remote-untrusted':
    'Their side first: a certificate that is valid, names the domain, and comes from an authority that is known\n' +
    'here. A private one is named in resolve.trustedCertificates; a wrong clock here looks the same.\n',
  'domain-refused': 'Our side: policy.default, policy.allow, policy.deny.\n',
}

const fits = (table: string, { terminal, columns: most }: Pick<Host, 'terminal' | 'columns'>) =>
  !terminal.out || table.split('\n').every((line) => widthOf(line) <= most)

/** On a terminal that is too narrow the reason stands on a line of its own. */
function narrow(rows: readonly (readonly string[])[], paint: Paint): string {
  const [titles = '', ...lines] = columns([head, ...rows].map((row) => row.slice(0, -1))).split(
    '\n',
  )
  const told = rows.map((row, i) => `${lines[i]}\n    ${paint('dim', row.at(-1) ?? '')}\n`)
  return `${paint('bold', titles)}\n${told.join('')}`
}

const rowOf = (step: Step, number: number, paint: Paint): readonly string[] => [
  `${number} ${step.phase}`,
  step.asked,
  step.server ?? step.source,
  step.answer,
  seconds(step.ageMs),
  seconds(step.leftMs),
  paint(colours[step.decision], step.decision),
  step.reason,
]

const colours = { use: 'green', 'go-on': 'yellow', skip: 'yellow', stop: 'red' } as const

/** `-` where time does not matter: a rule, a route. */
const seconds = (ms: number | null): string => {
  if (ms === null) return '-'
  return Math.abs(ms) < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`
}
