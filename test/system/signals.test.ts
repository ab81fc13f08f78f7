/** Signals that come at any time of the life of a service, as a service manager or a script sends them. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'
import { main, type Process, start } from '../support/gatehouse.ts'
import { gateway, set, site } from '../support/sites.ts'

const hangUp = 1

/** Signals that the process takes itself, as the system tells it. */
function taken(pid: number): bigint {
  const [, bits = '0'] =
    /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return BigInt(`0x${bits}`)
}

const takes = (pid: number, signal: number): boolean =>
  (taken(pid) & (1n << BigInt(signal - 1))) !== 0n

/** Resolves in the turn in which the first statements of the program have run. */
async function firstStatements({ child, pid }: Process): Promise<undefined> {
  while (child.exitCode === null && !takes(pid, hangUp)) await new Promise(setImmediate)
}

/** Ports on which the process listens. */
function listening(pid: number): number {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)),
  )
  const rows = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, 'utf8').trim().split('\n').slice(1),
  )
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && own.has(`socket:[${inode}]`))
    .length
}

const isElsewhere = !existsSync('/proc/self/status')

test('nothing is loaded above the first statements', () => {
  const text = readFileSync(main, 'utf8')
  const at = text.indexOf('process.on(')
  expect(text.slice(0, at)).not.toMatch(/^import (?!type\b)|\bimport\(|\brequire\b/m)
})

test.skipIf(isElsewhere)(
  'a reload that is asked for at the first moment is done after the start',
  async () => {
    const { config } = await site(await temporaryFolder(), 'a.example')
    const one = start(['run', '--config', config])
    await firstStatements(one)
    one.signal('SIGHUP')
    await one.line(({ event }) => event === 'config.reloaded')
    const events = one.lines.map(({ event }) => event)
    expect(events.indexOf('gateway.started')).toBeLessThan(events.indexOf('config.reloaded'))
    one.signal('SIGTERM')
    expect((await one.ended).code).toBe(0)
  },
)

test.skipIf(isElsewhere).for(['SIGTERM', 'SIGINT'] as const)(
  '%s ends a service that opens nothing yet, and not as a fault',
  async (signal) => {
    const { config } = await site(await temporaryFolder(), 'a.example')
    const one = start(['run', '--config', config])
    await firstStatements(one)
    one.signal(signal)
    const { code, err } = await one.ended
    expect({ code, err }).toEqual({ code: 0, err: '' })
  },
)

test('signals that come while a service ends, until it is gone, are not deadly', async () => {
  const one = await gateway(await site(await temporaryFolder(), 'a.example'))
  one.signal('SIGTERM')
  // What is sent to it is sent between its last acts, too.
  const ended = one.ended
  let hasEnded = false
  void ended.then(() => {
    hasEnded = true
  })
  while (!hasEnded) {
    one.signal('SIGHUP')
    one.signal('SIGUSR2')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect((await ended).code).toBe(0)
  expect(one.child.signalCode).toBe(null)
})

test.skipIf(isElsewhere)('no signal opens a debugger', async () => {
  const one = await gateway(await site(await temporaryFolder(), 'a.example'))
  one.signal('SIGUSR1')
  one.signal('SIGUSR2')
  // Answered after both were taken.
  one.signal('SIGHUP')
  await one.line(({ event }) => event === 'config.reloaded')
  expect(listening(one.pid)).toBe(3)
  expect(one.err).toBe('')
})

const status = async (admin: number): Promise<number> =>
  (await fetch(`http://127.0.0.1:${admin}/readyz`)).status

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

test('a gateway that is to stop says so before its ports shut', async () => {
  const own = await site(await temporaryFolder(), 'a.example')
  await set(own.config, { limits: '{drainNoticeMs: 1500}' })
  const one = await gateway(own)
  expect(await status(own.admin)).toBe(200)
  one.signal('SIGTERM')
  await one.line(({ event }) => event === 'gateway.draining')
  expect(await status(own.admin)).toBe(503)
  expect([await isOpen(own.peer), await isOpen(own.client)]).toEqual([true, true])
  expect((await one.ended).code).toBe(0)
})

test('a second signal shuts at once, and so does the first one of a terminal', async () => {
  const own = await site(await temporaryFolder(), 'a.example')
  await set(own.config, { limits: '{drainNoticeMs: 600000}' })
  for (const signals of [['SIGTERM', 'SIGTERM'], ['SIGINT']] as const) {
    const one = await gateway(own)
    for (const [n, signal] of signals.entries()) {
      one.signal(signal)
      if (n === 0) await one.line(({ event }) => event === 'gateway.draining')
    }
    expect((await one.ended).code).toBe(0)
    expect(one.lines.at(-1)).toMatchObject({ event: 'gateway.stopped' })
  }
})

test('systemd is told each step, and a tool that is missing is no reason to end', async () => {
  const folder = await temporaryFolder()
  const own = await site(folder, 'a.example')
  const tool = join(folder, 'systemd-notify')
  // The words of each call in one line.
  await writeFile(tool, `#!/bin/sh\nIFS='|'; echo "$*" >>'${folder}/told'\n`, { mode: 0o755 })
  const under = (path: string) =>
    start(['run', '--config', own.config], [
      ...['/usr/bin/env', `PATH=${path}`, `NOTIFY_SOCKET=${folder}/none`, 'WATCHDOG_USEC=200000'],
      ...[process.execPath, main],
    ] as [string, ...string[]])
  const one = under(`${folder}:/usr/bin:/bin`)
  await one.line(({ event }) => event === 'gateway.started')
  one.signal('SIGHUP')
  await one.line(({ event }) => event === 'config.reloaded')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
  const told = readFileSync(join(folder, 'told'), 'utf8').trim().split('\n')
  const ready = 'READY=1|STATUS=Serving a.example'
  expect(told.filter((line) => line !== 'WATCHDOG=1')).toEqual([
    ...[ready, expect.stringMatching(/^RELOADING=1\|MONOTONIC_USEC=\d+$/), ready],
    'STOPPING=1|STATUS=Finishing what is under way',
  ])
  expect(told).toContain('WATCHDOG=1')

  const other = under('/nowhere')
  await other.line(({ event }) => event === 'manager.not-told')
  other.signal('SIGTERM')
  const { code, out } = await other.ended
  expect(code).toBe(0)
  expect(out).toContain('"state":"READY=1","cause":"ENOENT"')
})
