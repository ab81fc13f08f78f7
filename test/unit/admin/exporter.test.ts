import { expect, test } from 'vitest'
import { createExporter } from '../../../src/admin/metrics.ts'
import { Meter, observe } from '../../../src/lib/meter.ts'
import { metrics, processMetrics } from '../../../src/metrics.ts'

const linesOf = async (meter: Meter): Promise<readonly string[]> =>
  (await createExporter(meter).text()).split('\n')

/** The samples of one metric that are not 0. */
const samplesOf = async (meter: Meter, name: string): Promise<readonly string[]> =>
  (await linesOf(meter)).filter(
    (line) => line.startsWith(`gatehouse_${name}`) && !line.endsWith(' 0'),
  )

test('a counter is told with its labels', async () => {
  const meter = new Meter()
  meter.counter('limit_hits_total', { limit: 'links' }).n = 3
  expect(await samplesOf(meter, 'limit_hits_total')).toEqual([
    'gatehouse_limit_hits_total{limit="links"} 3',
  ])
})

test('a gauge is read anew for each answer', async () => {
  const meter = new Meter()
  let lanes = 1
  meter.gauge('lanes', {}, () => lanes)
  const exporter = createExporter(meter)
  expect(await exporter.text()).toContain('\ngatehouse_lanes 1\n')
  lanes = 2
  expect(await exporter.text()).toContain('\ngatehouse_lanes 2\n')
})

test('each bucket of a histogram holds what the ones below it hold', async () => {
  const meter = new Meter()
  const histogram = meter.histogram('delivery_seconds', { direction: 'in' }, [0.1, 1, 10])
  for (const seconds of [0.05, 0.1, 0.5, 100]) observe(histogram, seconds)
  expect(await samplesOf(meter, 'delivery_seconds')).toEqual([
    'gatehouse_delivery_seconds_bucket{direction="in",le="0.1"} 2',
    'gatehouse_delivery_seconds_bucket{direction="in",le="1"} 3',
    'gatehouse_delivery_seconds_bucket{direction="in",le="10"} 3',
    'gatehouse_delivery_seconds_bucket{direction="in",le="+Inf"} 4',
    'gatehouse_delivery_seconds_sum{direction="in"} 100.65',
    'gatehouse_delivery_seconds_count{direction="in"} 4',
  ])
})

test('every metric of the table is told with its type and help, used or not', async () => {
  const lines = await linesOf(new Meter())
  for (const [name, { type, help }] of Object.entries(metrics)) {
    expect(lines).toContain(`# TYPE gatehouse_${name} ${type}`)
    expect(lines).toContain(`# HELP gatehouse_${name} ${help}`)
  }
})

test('the usual numbers of a process are those of the table, and CPU time is a counter', async () => {
  const lines = await linesOf(new Meter())
  const told = lines.flatMap((line) => /^# TYPE (process_\w+) (\w+)$/.exec(line)?.slice(1) ?? [])
  const rows = Object.entries(processMetrics).flatMap(([name, { type }]) => [name, type])
  expect(told.toSorted()).toEqual(rows.toSorted())
  const seconds = lines.find((line) => line.startsWith('process_cpu_seconds_total '))
  expect(Number(seconds?.split(' ')[1])).toBeGreaterThanOrEqual(0)
  expect(lines.some((line) => /^# TYPE nodejs_/.test(line))).toBe(false)
})

test('a counter or a histogram whose labels are known is told before it counts anything', async () => {
  const lines = await linesOf(new Meter())
  expect(lines).toContain('gatehouse_key_rollbacks_total 0')
  expect(lines).toContain('gatehouse_messages_total{direction="out",result="dns-failed"} 0')
  expect(lines).toContain('gatehouse_limit_hits_total{limit="lanes"} 0')
  expect(lines).toContain('gatehouse_connect_phase_seconds_count{phase="tls"} 0')
})

test('a label value cannot break out of its line', async () => {
  const meter = new Meter()
  meter.counter('peer_limit_hits_total', { peer: 'a"\n\\evil 1' }).n = 1
  expect(await samplesOf(meter, 'peer_limit_hits_total')).toEqual([
    'gatehouse_peer_limit_hits_total{peer="a\\"\\n\\\\evil 1"} 1',
  ])
})

test('two gateways in one process tell their own numbers', async () => {
  const [one, two] = [new Meter(), new Meter()]
  one.counter('frames_total', { direction: 'in' }).n = 1
  two.counter('frames_total', { direction: 'in' }).n = 2
  const [first, second] = [createExporter(one), createExporter(two)]
  expect(await first.text()).toContain('gatehouse_frames_total{direction="in"} 1')
  expect(await second.text()).toContain('gatehouse_frames_total{direction="in"} 2')
})
