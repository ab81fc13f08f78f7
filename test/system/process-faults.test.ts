/** Errors that no part of the real process took. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'
import { main, start } from '../support/gatehouse.ts'
import { type Site, site } from '../support/sites.ts'

/** Loaded before the program: a part of it that forgot to listen, and one that is wrong. */
const careless = `data:text/javascript,${encodeURIComponent(`
  import { createServer } from 'node:net'
  process.on('SIGUSR2', () => createServer().listen(1, '192.0.2.1'))
  process.on('SIGWINCH', () => { throw new Error('a bug') })
`)}`

async function running(): Promise<{ one: Site; gateway: ReturnType<typeof start> }> {
  const one = await site(await temporaryFolder(), 'a.example')
  const gateway = start(
    ['run', '--config', one.config],
    [process.execPath, '--import', careless, main],
  )
  await gateway.line(({ event }) => event === 'gateway.started')
  return { one, gateway }
}

const health = async ({ admin }: Site) => (await fetch(`http://127.0.0.1:${admin}/healthz`)).text()

test('what the system says and nobody took is told, and the service goes on', async () => {
  const { one, gateway } = await running()
  for (let i = 0; i < 3; i++) gateway.signal('SIGUSR2')
  const line = await gateway.line(({ event }) => event === 'process.fault')
  expect(line).toMatchObject({ level: 'error', cause: 'EADDRNOTAVAIL', stack: /listen/ })
  expect(await health(one)).toBe('alive\n')
  gateway.signal('SIGTERM')
  expect((await gateway.ended).code).toBe(0)
})

test('a fault of the program ends it with 70, a line, and what was logged before', async () => {
  const { gateway } = await running()
  gateway.signal('SIGWINCH')
  const { code, out, err } = await gateway.ended
  expect(code).toBe(70)
  expect(out).toContain('"gateway.started"')
  expect(JSON.parse(err)).toMatchObject({ event: 'process.crashed', message: 'Error: a bug' })
})

test('files that cannot be read any more are told, and what was read stays in force', async () => {
  const { one, gateway } = await running()
  const reload = async () => {
    const before = gateway.lines.length
    gateway.signal('SIGHUP')
    return gateway.until(() => gateway.lines.slice(before).find(({ event }) => event !== ''))
  }
  for (const file of ['certificates/a.example.pem', 'keys/a.example.key.pem', 'gatehouse.yaml']) {
    await rm(join(one.folder, file))
    const gone = await reload()
    expect(gone).toMatchObject({ level: 'error', event: 'config.reload-refused' })
    expect(String(gone['message'])).toContain('there is no such file')
    await mkdir(join(one.folder, file))
    expect(String((await reload())['message'])).toContain('it is a directory')
  }
  expect(await health(one)).toBe('alive\n')
})

test('connections for which there is no descriptor have a line, and the service goes on', {
  timeout: 40_000,
}, async () => {
  const { one, gateway } = await running()
  const { pid } = gateway
  const open = readdirSync(`/proc/${pid}/fd`).length
  execFileSync('/usr/bin/prlimit', [`--pid=${pid}`, `--nofile=${open + 3}`])
  const held = Array.from({ length: 8 }, () => hold(one))
  const line = await gateway.line(({ event }) => event === 'process.files-short')
  expect(line).toMatchObject({ level: 'error', most: expect.any(Number) })
  for (const release of held) release()
  await gateway.line(({ event }) => event === 'process.files-enough')
  expect(await health(one)).toBe('alive\n')
  expect(gateway.lines.some(({ event }) => event === 'process.fault')).toBe(false)
})

/** A connection that says nothing, and comes again whenever it is closed. */
function hold({ admin }: Site): () => undefined {
  let timer: NodeJS.Timeout | undefined
  let release = (): undefined => undefined
  const come = (): undefined => {
    const socket = connect(admin, '127.0.0.1').on('error', () => undefined)
    socket.on('close', () => {
      timer = setTimeout(come, 50)
    })
    release = () => {
      socket.removeAllListeners('close').destroy()
      clearTimeout(timer)
    }
  }
  come()
  onTestFinished(() => release())
  return () => release()
}
