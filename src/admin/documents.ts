/**
 * `docs/metrics.md` as text, made from the table of `metrics.ts`; a test compares it with the file.
 */
import { type LabelSet, type MetricRow, metricPrefix, metrics, processMetrics } from '../metrics.ts'

export function metricsPage(): string {
  const own = rowsOf(metrics, metricPrefix)
  return [
    ...introduction,
    ...head,
    ...own,
    ...usual,
    ...head,
    ...rowsOf(processMetrics, ''),
    '',
  ].join('\n')
}

const rowsOf = (table: Readonly<Record<string, MetricRow>>, prefix: string): readonly string[] =>
  Object.entries(table).map(([name, { type, unit, labels, help }]) =>
    line([`\`${prefix}${name}\``, type, unit, labelText(labels), help]),
  )

const usual = [
  '',
  '## The process',
  '',
  'By the names that every exporter uses, without the prefix.',
  '',
]

const introduction = [
  '# Metrics',
  '',
  '<!-- Made from the table in src/metrics.ts (src/admin/documents.ts); do not edit by hand. -->',
  '',
  '`GET /metrics` on the admin port (`listen.admin`, 127.0.0.1:9279 by default) gives all of them in the text',
  'format of Prometheus. Scrape configuration, alert rules and their tests are `deploy/prometheus.yml`,',
  '`deploy/alerts.yml` and `deploy/alerts.test.yml`; `deploy/grafana.json` is a dashboard.',
  '',
  '- Every label has a bounded set of values. *status* is a code of [errors.md](errors.md), *limit* a name of',
  '  [limits.md](limits.md), *domain* one of our own domains, *text* one value for the whole run.',
  '- *peer* is the domain of another gateway. `limits.metricPeers` of them have a value of their own: first those',
  '  that `metrics.watch` names, then the busiest, judged anew every minute. All others together are',
  '  `peer="_other"`. A peer that loses its value goes on in `_other`; one that gets a value starts there at 0.',
  '  `gatehouse_metric_peers{kind="folded"}` tells how many are folded.',
  '- A code stands for the same thing in logs, metrics, answers and on the command line.',
  '- Counters and histograms stand at 0 from the first scrape on, for all values that are known beforehand.',
  '- Histograms have the buckets 1 ms to 60 s.',
  '- No metric holds a user, an address of a client, a key or a token.',
  '',
  '## Questions that are asked first',
  '',
  '| question | query |',
  '|---|---|',
  '| Are messages delivered? | `sum by (direction, result) (rate(gatehouse_messages_total[5m]))` |',
  '| Whose fault is it? | the *side* of that result in [errors.md](errors.md); with one peer: `gatehouse explain` |',
  '| Which peer cannot be reached? | `gatehouse_peer_up == 0` |',
  '| Why, and since when? | `sum by (peer, what, cause) (increase(gatehouse_peer_failures_total[1h])) > 0`; the page of the admin port |',
  '| Which peer fails? | `sum by (peer, outcome) (rate(gatehouse_peer_messages_total{outcome!="ok"}[5m])) > 0` |',
  '| How full are the links? | `sum by (instance) (gatehouse_link_connections) / on (instance) gatehouse_limit{limit="links"}` |',
  '| How full are the lanes? | `gatehouse_lanes / on (instance) gatehouse_limit{limit="lanes"}` |',
  '| What is scarce? | `gatehouse_share_scarce == 1` |',
  '| Who has more than its share? | `gatehouse_peer_over > 0` |',
  '| Who takes most of our time? | `topk(10, gatehouse_peer_share{resource="time"})` |',
  '| Are there descriptors left? | `process_open_fds{job="gatehouse"} / process_max_fds` |',
  '| Which bound was hit? | `increase(gatehouse_limit_hits_total[1h]) > 0` |',
  '| How many days has the certificate? | `gatehouse_certificate_expiry_seconds / 86400` |',
  '',
  '## Who has more than its share',
  '',
  'Time of the event loop, bytes and places in tables are shared out while they are scarce, and not before',
  '([decision 11](decisions/0011-shares.md)). Who then has more than its share gives way: its links are read in',
  'smaller slices and get no credit, and what is refused ends with `rate-limited` or `busy`, for a time. Others notice',
  'nothing, so nothing has to be done at once. `gatehouse_peer_over` names peers; the page of the admin port (`/`, and',
  '`shares` in `/status`) lists who is over first, networks of strangers too, with what they use, and counts our',
  'users. Whoever means harm: `policy.deny`, or the network in a firewall. Whoever does not: more CPU for time, a higher',
  'limit for what is held ([limits.md](limits.md)).',
  '',
  '## All metrics',
  '',
]

const head = ['| metric | type | unit | labels | meaning |', '|---|---|---|---|---|']

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

function labelText(labels: MetricRow['labels']): string {
  const all = Object.entries(labels).map(([name, values]) => `\`${name}\`: ${valueText(values)}`)
  return all.length === 0 ? '–' : all.join('; ')
}

const valueText = (values: LabelSet | readonly string[]): string =>
  typeof values === 'string' ? `*${values}*` : values.join(', ')
