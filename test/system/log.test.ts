/** The log of the real process is a guest: whatever becomes of its destination, the service and its end go on. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'
import { main, type Process, start } from '../support/gatehouse.ts'
import { gateway, type Site, site } from '../support/sites.ts'

const node = [process.execPath, main] as const

/** What the admin port says; asked again until it is open. */
async function asked({ admin }: Site, path: string): Promise<string> {
  for (;;) {
    try {
      return await (await fetch(`http://127.0.0.1:${admin}${path}`)).text()
    } catch (error) {
      // Nobody listens yet.
      if (!(error instanceof TypeError)) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** The service answers, takes a reload, and ends in time when it is told to. */
async function isServing(one: Site, { child }: { readonly child: Process['child'] }) {
  expect(await asked(one, '/healthz')).toBe('alive\n')
  for (let i = 0; i < 20; i++) child.kill('SIGHUP')
  expect(await asked(one, '/metrics')).toContain('\ngatehouse_log_lines_lost_total')
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  expect((await ended)[0]).toBe(0)
}

const oneSite = async (): Promise<Site> => site(await temporaryFolder(), 'a.example')

/** A pipe that nobody reads, full; `read` empties it. */
async function fullPipe() {
  const file = join(await temporaryFolder(), 'pipe')
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', file])
  const fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(fd))
  const filling = Buffer.alloc(1024, '#')
  const isTaken = (): boolean => {
    try {
      return writeSync(fd, filling) > 0
    } catch {
      return false
    }
  }
  while (isTaken());
  const bytes = Buffer.alloc(65_536)
  const read = (): string => {
    try {
      return bytes.subarray(0, readSync(fd, bytes)).toString()
    } catch {
      return ''
    }
  }
  return { file, read }
}

/** With standard output as the shell opens it. */
const writingTo = (output: string, { config }: Site): Process =>
  start(['run', '--config', config], ['/bin/sh', '-c', `exec "$0" "$@" ${output}`, ...node] as [
    string,
    ...string[],
  ])

test('a pipe that nobody reads holds up neither the service nor its end', async () => {
  const one = await oneSite()
  const { file } = await fullPipe()
  await isServing(one, writingTo(`>"${file}"`, one))
})

test('what waited for a reader is read once there is one', async () => {
  const one = await oneSite()
  const { file, read } = await fullPipe()
  const { child } = writingTo(`>"${file}"`, one)
  await asked(one, '/healthz')
  let text = ''
  while (!text.includes('"gateway.started"')) {
    text += read()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
  expect(`${text}${read()}`).toContain('"gateway.stopped"')
})

test('a full disk stops neither the start nor the service', async () => {
  const one = await oneSite()
  await isServing(one, writingTo('>/dev/full', one))
})

test('neither does a reader that has gone, of either output', async () => {
  const one = await oneSite()
  const child = spawn(node[0], [node[1], 'run', '--config', one.config], { stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  child.stdout.destroy()
  child.stderr.destroy()
  await isServing(one, { child })
})

test('probes that connect, also with TLS, and hang up have one line a minute for each way to end', async () => {
  const one = await oneSite()
  const running = await gateway(one)
  const started = performance.now()
  while (performance.now() - started < 2500) {
    const secure = { servername: 'a.example', rejectUnauthorized: false }
    for (const port of [one.peer, one.client]) {
      const tls = { ...secure, port, host: '127.0.0.1', ALPNProtocols: ['pitp-mitp/1'] }
      for (const isTls of [false, true]) {
        const probe = isTls ? connectTls(tls) : connect(port, '127.0.0.1')
        probe.on('error', () => undefined).resume()
        probe.once(isTls ? 'secureConnect' : 'connect', () => probe.end())
        await new Promise((resolve) => probe.once('close', resolve))
      }
    }
  }
  await asked(one, '/healthz')
  running.signal('SIGTERM')
  await running.ended
  const results = running.lines.flatMap(({ event, result, cause }) =>
    event === 'link.refused' || event === 'link.closed' ? [`${event} ${result ?? cause}`] : [],
  )
  expect(results).toEqual(expect.arrayContaining(['link.refused closed', 'link.closed link-lost']))
  expect(new Set(results).size).toBe(results.length)
})
