import { expect, test } from 'vitest'
import { ServiceManager } from '../../../src/cli/service-manager.ts'
import { type Facts, silentLog } from '../../../src/lib/log.ts'
import { hostOf } from '../../support/cli-host.ts'

function managed(env: Readonly<Record<string, string>>, why?: string) {
  const told: string[] = []
  const lines: [string, Facts | undefined][] = []
  const { host, clock } = hostOf([])
  const notify = async (words: readonly string[]) => {
    told.push(words.join(' | '))
    return why
  }
  const warn = (event: string, facts?: Facts): undefined => {
    lines.push([event, facts])
  }
  const manager = new ServiceManager({ ...host, env, notify }, { ...silentLog, warn })
  return { manager, told, lines, clock }
}

const socket = { NOTIFY_SOCKET: '/run/systemd/notify' }

test('each step is told, one after the other, with a status for people', async () => {
  const { manager, told, clock } = managed(socket)
  manager.ready('Serving a.example')
  manager.reloading()
  manager.ready('The last reload was refused: a\nb')
  manager.stopping()
  // Nothing comes behind the last one.
  manager.reloading()
  manager.ready('Serving a.example')
  await clock.advance(0)
  expect(told).toEqual([
    'READY=1 | STATUS=Serving a.example',
    'RELOADING=1 | MONOTONIC_USEC=1234567',
    'READY=1 | STATUS=The last reload was refused: a\\u000ab',
    'STOPPING=1 | STATUS=Finishing what is under way',
  ])
})

test('a sign of life is given in half of the time, from when it is ready until the end', async () => {
  const { manager, told, clock } = managed({ ...socket, WATCHDOG_USEC: '10000000' })
  await clock.advance(20_000)
  expect(told).toEqual([])
  manager.ready('')
  manager.ready('')
  await clock.advance(15_000)
  expect(told.filter((text) => text === 'WATCHDOG=1')).toHaveLength(3)
  manager.forget()
  await clock.advance(60_000)
  expect(told).toHaveLength(5)
  expect(clock.pending).toBe(0)
})

test.for([
  ['of another process', { ...socket, WATCHDOG_USEC: '10000000', WATCHDOG_PID: '1' }],
  ['that is none', { ...socket, WATCHDOG_USEC: 'soon' }],
  ['of nobody', { ...socket }],
] as const)('no sign of life for a watchdog %s', async ([, env]) => {
  const { manager, told, clock } = managed(env)
  manager.ready('')
  await clock.advance(60_000)
  expect([told.length, clock.pending]).toEqual([1, 0])
})

test.for([{}, { NOTIFY_SOCKET: '' }])('without systemd nothing is told: %j', async (env) => {
  const { manager, told, clock } = managed(env)
  manager.ready('')
  await clock.advance(0)
  expect(told).toEqual([])
})

test('what cannot be told is a line in the log', async () => {
  const { manager, lines, clock } = managed(socket, 'ENOENT')
  manager.ready('')
  await clock.advance(0)
  expect(lines).toEqual([['manager.not-told', { state: 'READY=1', cause: 'ENOENT' }]])
})

test('where telling takes long, what waits is bounded', async () => {
  const { host, clock } = hostOf([])
  let count = 0
  const notify = () => {
    count++
    return new Promise<undefined>(() => undefined)
  }
  const manager = new ServiceManager({ ...host, env: socket, notify }, silentLog)
  for (let n = 0; n < 100; n++) manager.reloading()
  await clock.advance(0)
  expect(count).toBe(1)
})
