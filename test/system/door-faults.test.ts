/** What the system says to a door after it was opened, or to somebody who dials: it is taken, and told. */
import { createServer, Server } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startAdmin } from '../../src/admin/http.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { type Facts, type Log, silentLog } from '../../src/lib/log.ts'
import { Meter } from '../../src/lib/meter.ts'
import { limitsWith } from '../../src/limits.ts'
import { dialPlain, dialTls } from '../../src/link/dial-socket.ts'
import {
  dialBasics,
  dialDoor,
  domain,
  makePki,
  openDoor,
  type Pki,
  until,
} from '../support/door.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { quietConfig } from '../unit/admin/support.ts'

let pki: Pki
beforeAll(async () => {
  pki = await makePki()
})

/** The listening socket of this process at `port`: the only way to it from outside. */
function listening(port: number): Server {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles()
  const found = handles.find((one): one is Server => {
    const address = one instanceof Server ? one.address() : null
    return typeof address === 'object' && address?.port === port
  })
  if (found === undefined) throw new Error(`nothing listens at ${port}`)
  return found
}

const refused = (code: string) =>
  Object.assign(new Error(`accept ${code}`), { code, errno: -24, syscall: 'accept' })

describe('a door to which the system refuses connections', () => {
  test.for(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ECONNABORTED'])(
    'says so, and opens again: %s',
    async (code) => {
      const clock = new ManualClock(Date.now())
      const door = await openDoor({ certificates: () => pki.shown, clock })
      onTestFinished(() => door.close().then(() => undefined))
      listening(door.port).emit('error', refused(code))
      expect(door.lines).toMatchObject([['link.shortage', { code, port: door.port }]])
      await clock.advance(1000)
      await until(() => listens(door.port))
      const channel = await dialDoor(door, pki.trust)
      channel.destroy()
    },
  )

  test('tries again for as long as its port is taken by another', async () => {
    const clock = new ManualClock(Date.now())
    const door = await openDoor({ certificates: () => pki.shown, clock })
    onTestFinished(() => door.close().then(() => undefined))
    listening(door.port).emit('error', refused('EMFILE'))
    const thief = createServer().listen(door.port, '127.0.0.1')
    await until(() => thief.listening)
    for (let i = 2; i < 5; i++) {
      await clock.advance(1000)
      await until(() => door.lines.length >= i)
    }
    expect(door.lines.at(-1)).toMatchObject(['link.shortage', { code: 'EADDRINUSE' }])
    thief.close()
    await until(() => !thief.listening)
    await clock.advance(1000)
    await until(() => listens(door.port))
    const channel = await dialDoor(door, pki.trust)
    channel.destroy()
  })
})

const listens = (port: number): boolean => {
  try {
    return listening(port).listening
  } catch {
    return false
  }
}

test('the admin port tells what the system says, and answers', async () => {
  const lines: [string, Facts | undefined][] = []
  const error: Log['error'] = (event, facts) => {
    lines.push([event, facts])
  }
  const admin = await startAdmin({
    ...{ address: '127.0.0.1', port: 0, token: null, meter: new Meter(), clock: systemClock },
    status: () => {
      throw new Error('not asked')
    },
    ready: () => ({ ready: true, reasons: [], warnings: [] }),
    explain: async () => ({ status: 200, value: {} }),
    flush: () => ({ status: 200, value: {} }),
    reload: quietConfig.reload,
    limits: limitsWith(),
    log: { ...silentLog, error },
  })
  onTestFinished(() => admin.close().then(() => undefined))
  listening(admin.port).emit('error', refused('EMFILE'))
  expect(lines).toEqual([['admin.fault', { message: 'accept EMFILE' }]])
  const answer = await fetch(`http://127.0.0.1:${admin.port}/healthz`)
  expect(await answer.text()).toBe('alive\n')
})

describe('an address to which the system lets nobody connect', () => {
  test.for(['255.255.255.255', 'ff02::1', '0.0.0.0'])('is refused: %s', async (ip) => {
    const dial = { ...dialBasics(), ip, port: 9 }
    await expect(dialPlain(dial)).rejects.toMatchObject({ code: 'link-refused' })
    const secured = dialTls({
      ...dial,
      domain: domain('b.example'),
      service: 'im',
      trust: pki.trust,
    })
    await expect(secured).rejects.toMatchObject({ code: 'link-refused' })
  })
})
