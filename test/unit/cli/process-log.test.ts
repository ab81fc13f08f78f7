import { expect, test } from 'vitest'
import { painter } from '../../../src/cli/paint.ts'
import { openLog } from '../../../src/cli/process-log.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { FakeSink } from '../../support/fake-sink.ts'
import { ManualClock } from '../../support/manual-clock.ts'

async function setUp(
  form: 'json' | 'plain' | 'coloured' = 'json',
  level: 'info' | 'warn' = 'info',
) {
  const clock = new ManualClock()
  const sink = new FakeSink()
  const meter = new Meter()
  const env = form === 'coloured' ? {} : { NO_COLOR: '1' }
  const terminal = { in: true, out: true, err: true }
  const paint = form === 'json' ? undefined : painter({ env, terminal }, 'out')
  const options = { level, limits: limitsWith({ logBytes: 1000 }), meter }
  const log = await openLog(options, { sink: sink.sink, clock, paint })
  const objects = () => sink.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  return { clock, sink, meter, log, objects }
}

test('for programs: JSON, one object a line', async () => {
  const { clock, log, objects } = await setUp()
  log.warn('peer.unreachable', { remote: 'b.example', cause: 'dns-failed', service: undefined })
  await clock.advance(0)
  expect(objects()).toEqual([
    {
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      event: 'peer.unreachable',
      remote: 'b.example',
      cause: 'dns-failed',
    },
  ])
})

test('for people: time, level, event, facts', async () => {
  const { clock, log, sink } = await setUp('plain')
  log.warn('peer.unreachable', { remote: 'b.example', detail: 'no way', more: 3, x: undefined })
  await clock.advance(0)
  expect(sink.text).toBe(
    '14:13:20 WARN  peer.unreachable remote=b.example detail="no way" more=3\n',
  )
})

test('for people: nothing that a far side says moves the cursor or begins a line', async () => {
  const { clock, log, sink } = await setUp('plain')
  log.info('link.closed', { detail: 'bye\u001b[2J\u0007\n14:13:20 ERROR gateway.stopped' })
  log.error('config.reload-refused', { message: 'x has 2 mistakes:\none\ntwo' })
  await clock.advance(0)
  expect(sink.lines).toEqual([
    '14:13:20 INFO  link.closed detail="bye\\u001b[2J\\u0007\\n14:13:20 ERROR gateway.stopped"',
    '14:13:20 ERROR config.reload-refused message=x has 2 mistakes:',
    '         one',
    '         two',
  ])
})

test('for people: in colours where they are wanted', async () => {
  const { clock, log, sink } = await setUp('coloured')
  log.error('admin.fault')
  await clock.advance(0)
  expect(sink.text).toContain('\u001b[31mERROR\u001b[39m')
})

test('the level may change while it runs', async () => {
  const { clock, log, objects } = await setUp('json', 'warn')
  log.info('gateway.started')
  log.become('debug')
  log.debug('link.closed')
  log.become('error')
  log.warn('config.warning')
  await clock.advance(0)
  expect(objects()).toMatchObject([{ level: 'debug', event: 'link.closed' }])
})

test('lines that are lost are counted, and told by a line of their own', async () => {
  const { clock, log, meter, sink, objects } = await setUp()
  sink.fault = 'ENOSPC'
  for (let i = 0; i < 100; i++) log.warn('config.warning', { path: `domains[${i}]` })
  await clock.advance(5000)
  const lost = meter.total('log_lines_lost_total')
  expect(lost).toBeGreaterThan(80)
  sink.fault = undefined
  await clock.advance(1000)
  expect(objects().at(-1)).toMatchObject({ event: 'log.lost', lines: lost, cause: 'ENOSPC' })
  expect(objects()).toHaveLength(100 - lost + 1)
})

test('what strangers cause is sampled', async () => {
  const { clock, log, objects } = await setUp()
  for (let i = 0; i < 100; i++)
    log.info('link.refused', { peer: `192.0.2.1:${i}`, cause: 'closed' })
  await clock.advance(60_000)
  expect(objects()).toMatchObject([
    { event: 'link.refused', peer: '192.0.2.1:0' },
    { event: 'link.refused', peer: '192.0.2.1:99', more: 98 },
  ])
})
