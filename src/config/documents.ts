/**
 * Config: the pages of the manual that say what the tables say.
 *
 * In:    the tables of settings and limits.
 * Out:   `docs/configuration.md` and `docs/limits.md` as text; a test compares them with the files.
 * Fails: never.
 */
import { type LimitRow, limitTable } from '../limits.ts'
import { mostOf } from './limit-settings.ts'
import { sampleConfig } from './sample.ts'
import { jsonSchema, membersOf, type Setting, settings } from './settings.ts'

const generated =
  '<!-- Made from the tables in src/ (src/config/documents.ts); do not edit by hand. -->'

export function configurationPage(): string {
  const rows = settings()
  const sections = Object.entries(membersOf(jsonSchema())).flatMap(
    ([name, { description = '' }]) => {
      const own = rows.filter(({ path }) => new RegExp(`^${name}(\\.|\\[|$)`).test(path))
      const table =
        name === 'limits' ? ['[limits.md](limits.md) has the table.'] : settingTable(own)
      return ['', `## \`${name}\``, '', description, '', ...table]
    },
  )
  return [...introduction, ...sections, '', ...sampleSection()].join('\n')
}

const introduction = [
  '# Configuration',
  '',
  generated,
  '',
  'One YAML 1.2 file, read at start and at each reload. `gatehouse init` writes it,',
  '`gatehouse check-config` names every mistake in it with line and column, and `gatehouse print-config`',
  'prints all settings with their defaults, secrets hidden. `deploy/gatehouse.schema.json` is the same',
  'table for editors.',
  '',
  '- A setting that does not exist is a mistake. So is one that stands there twice.',
  '- A setting without a value (`listen:` and nothing behind it) is as if it were not there.',
  '- Relative paths start from the folder of the file.',
  '- Aliases (`*x`), tags (`!x`) and YAML 1.1 are refused: every reader sees the same file.',
  '- Domains may be written with U-labels or A-labels, in any case.',
  '',
  '**Reload** says whether a running gateway takes a new value (`live`) or has to be started again',
  '(`restart`). `[]` stands for each entry of a list, `<domain>` for a name that you choose.',
  '',
  'A reload is SIGHUP or `gatehouse reload`, which tells the result by its words and its exit code (both: `systemctl',
  'reload gatehouse`): the file and the PEM files that it names are read again. The log tells what was taken',
  '(`config.reloaded`) and which settings wait for a restart (`config.restart-needed`); if anything is wrong, nothing is',
  'taken, `config.reload-refused` tells why, and it is tried again once one of the files has changed. Until then a gauge,',
  'an alert and a line of `/readyz` and of the status page say so. A new certificate is shown on the next link. New rules hold',
  'at once: links with a domain that they bar are let go of, and nobody there watches anybody here any more. All other',
  'links stay. After a renewal of a certificate a reload is all that is needed, as with',
  '`certbot renew --deploy-hook "systemctl reload gatehouse"`.',
]

const settingTable = (rows: readonly Setting[]): readonly string[] => [
  '| setting | value | default | reload | meaning |',
  '|---|---|---|---|---|',
  ...rows.map(({ path, kind, default: value, reload, description, secret }) => {
    const meaning = secret ? `${description} Secret.` : description
    return line([`\`${path}\``, kind, showDefault(value), reload, meaning])
  }),
]

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`

function showDefault(value: unknown): string {
  if (value === undefined) return '**required**'
  const empty = value === null || (typeof value === 'object' && Object.keys(value).length === 0)
  if (empty) return 'none'
  if (Array.isArray(value)) return value.map(showEntry).join(', ')
  return typeof value === 'object' ? `\`${JSON.stringify(value)}\`` : `\`${String(value)}\``
}

const showEntry = (value: unknown): string =>
  typeof value === 'object' ? 'one, with the defaults below' : showDefault(value)

const sampleSection = (): readonly string[] => [
  '## A file with everything in it',
  '',
  'This is what `gatehouse init a.example` writes.',
  '',
  '```yaml',
  sampleConfig({
    domain: 'a.example',
    key: 'keys/a.example.key.pem',
    certificate: 'certificates/a.example.pem',
    certificateKey: 'certificates/a.example.key.pem',
  }).trimEnd(),
  '```',
  '',
]

export function limitsPage(): string {
  const rows = Object.entries<LimitRow>(limitTable).map(([name, { value, unit, meaning }]) =>
    line([`\`${name}\``, showLimit(value, unit), meaning]),
  )
  return [
    '# Limits',
    '',
    generated,
    '',
    'Every bound of the program. `limits:` in the configuration sets another value by its name; a new',
    'value needs a restart. Each limit that is hit counts in `gatehouse_limit_hits_total{limit}`.',
    `No value is above ${mostOf.count}, of bytes above ${inGibibytes(mostOf.bytes)}, of times above ${inTime(mostOf.ms)}.`,
    '',
    '| limit | default | what it bounds, and what happens at it |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

const perHour = 3_600_000
const perMinute = 60_000

/** `43200000 ms (12 h)`: the number that a file holds, and what it means to a person. */
function showLimit(value: number, unit: LimitRow['unit']): string {
  const plain = unit === 'count' ? `${value}` : `${value} ${unit}`
  const handy = unit === 'ms' ? inTime(value) : unit === 'bytes' ? inKibibytes(value) : undefined
  const seconds = unit === 'seconds' ? inTime(value * 1000) : undefined
  const words = handy ?? seconds
  return words === undefined ? plain : `${plain} (${words})`
}

function inTime(ms: number): string | undefined {
  if (ms >= perHour && ms % perHour === 0) return `${ms / perHour} h`
  if (ms >= perMinute && ms % perMinute === 0) return `${ms / perMinute} min`
  return ms >= 1000 ? `${ms / 1000} s` : undefined
}

const inGibibytes = (bytes: number): string => `${bytes / 1_073_741_824} GiB`

function inKibibytes(bytes: number): string | undefined {
  if (bytes >= 1_048_576 && bytes % 1_048_576 === 0) return `${bytes / 1_048_576} MiB`
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : undefined
}
