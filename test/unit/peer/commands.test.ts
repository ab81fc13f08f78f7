/** Every command: who may send it, when, and the order of what is looked at before anybody takes it. */
import { describe, expect, test } from 'vitest'
import type { RequestView } from '../../../src/link/link.ts'
import { type CommandTable, commandTable } from '../../../src/peer/command-table.ts'
import { Commands, type Take } from '../../../src/peer/commands.ts'
import type { Session } from '../../../src/peer/session.ts'
import { type CommandName, commandOf, commands, fields } from '../../../src/wire/registry.ts'
import { roomEnv } from '../../support/middle/env.ts'
import { hold, sayOk, TestCore } from '../../support/middle/peer-rooms.ts'
import {
  openProven,
  openSession,
  type SessionWish,
  type TestSession,
} from '../../support/middle/sessions.ts'
import * as wire from '../../support/script/codec.ts'

/** By who may send them, as the page has it. */
const names = {
  anybody: ['prove', 'keys'],
  gateway: ['credential', 'forget', 'notify'],
  client: ['publish', 'issue'],
  both: ['message', 'fetch', 'subscribe', 'unsubscribe', 'renew'],
} as const satisfies Record<string, readonly CommandName[]>

/** The real rows; who takes them is of no interest here. */
const rows = commandTable({} as Parameters<typeof commandTable>[0])

function makeCommands() {
  const env = roomEnv()
  const core = new TestCore()
  const taken: string[] = []
  const table: CommandTable = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => {
      const take: Take = (session, request, held) => {
        taken.push(held === undefined ? name : `${name} by ${held.user.text}`)
        return sayOk(session, request)
      }
      return [name, { ...row, take }] as const
    }),
  )
  const room = new Commands(env, () => core, table)
  const rooms = {
    request: (session: Session, request: RequestView): undefined => room.take(session, request),
  }
  const open = (wish: SessionWish = {}) => openSession(env, { ...wish, rooms })
  const proven = (wish: SessionWish = {}) => openProven(env, { ...wish, rooms })
  /** The far side asks, and the answer is here. */
  const ask = async (
    { far }: TestSession,
    name: CommandName | number,
    shape: Omit<wire.RequestShape, 'command'> = {},
  ) => {
    const command = typeof name === 'number' ? name : commands[name].number
    const id = far.ask(wire.im, { command, ...shape })
    await env.clock.advance(0)
    return far.status(id)
  }
  return { env, core, taken, open, proven, ask }
}

/** [LINK-6.13-6] A NOTIFY that was taken has no answer. */
const okOf = (name: CommandName) => (name === 'notify' ? 'no answer' : 'ok')

/** An odd tag of the end-to-end fields that nobody knows. */
const unknownField: wire.FieldList = [[0x61, 'what is that']]

describe('before a domain is proven', () => {
  test.each(names.anybody)('%s is taken', async (name) => {
    const { open, ask, taken } = makeCommands()
    const link = open()
    link.far.sayHello()
    expect([await ask(link, name), taken]).toEqual(['ok', [name]])
  })

  test.each([...names.gateway, ...names.client, ...names.both])(
    '[LINK-5.4-4] %s waits unparsed for a proof',
    async (name) => {
      const { open, ask, taken } = makeCommands()
      const link = open()
      link.far.sayHello()
      expect([await ask(link, name, { fields: unknownField }), taken]).toEqual(['no answer', []])
      link.session.waiting.refuse(0, 'proof-pending')
    },
  )

  test('[LINK-5.4-4] is told so, once a claim was refused', async () => {
    const { open, ask, taken } = makeCommands()
    const link = open()
    link.far.sayHello()
    link.session.standing = 'refused'
    link.session.refusal = 'credential-key'
    expect([await ask(link, 'message'), await ask(link, 'prove')]).toEqual(['credential-key', 'ok'])
    expect(taken).toEqual(['prove'])
  })
})

describe('a gateway that is proven', () => {
  test.each([
    ['publish', 'credential-scope'],
    ['issue', 'bad-request'],
  ] as const)('may not send %s: %s', async (name, code) => {
    const { proven, ask, taken } = makeCommands()
    expect([await ask(await proven(), name), taken]).toEqual([code, []])
  })

  test.each([...names.anybody, ...names.gateway, ...names.both])('may send %s', async (name) => {
    const { proven, ask, taken } = makeCommands()
    expect([await ask(await proven(), name), taken]).toEqual([okOf(name), [name]])
  })

  test.each(Object.entries(commands).filter(([, { status }]) => status === 'later'))(
    'may not send %s, which is not offered',
    async (_, { number }) => {
      const { proven, ask } = makeCommands()
      const link = await proven()
      expect(await ask(link, number)).toBe('unknown-command')
      hold(link.session, 1)
      expect(await ask(link, number, { reference: 1 })).toBe('unknown-command')
    },
  )

  test.each([0x7f, commands.verify.number])(
    '[LINK-4.2-4] may not send the command %i, whatever number it names',
    async (number) => {
      const { proven, ask } = makeCommands()
      expect(await ask(await proven(), number, { reference: 9 })).toBe('unknown-command')
    },
  )

  test('refers to a credential, which the one who takes the request is given', async () => {
    const { proven, ask, taken, env } = makeCommands()
    const link = await proven()
    hold(link.session, 7)
    expect(await ask(link, 'message', { reference: 7 })).toBe('ok')
    expect(taken).toEqual(['message by alice@a.example'])
    expect(env.meter.total('credential_references_total')).toBe(1)
  })
})

describe('a client', () => {
  const attached = async (room: ReturnType<typeof makeCommands>) => {
    const link = await room.proven({ role: 'client' })
    link.session.standing = 'proven'
    return link
  }

  test.each([...names.anybody, ...names.client, ...names.both])('may send %s', async (name) => {
    const room = makeCommands()
    const link = await attached(room)
    expect([await room.ask(link, name), room.taken]).toEqual([okOf(name), [name]])
  })

  test.each([
    ['credential', 'unknown-command'],
    ['forget', 'unknown-command'],
    ['notify', 'credential-missing'],
  ] as const)('[LINK-4.2-4] may not send %s: %s', async (name, code) => {
    const room = makeCommands()
    expect([await room.ask(await attached(room), name), room.taken]).toEqual([code, []])
  })

  test('is not counted as a domain, and refers to nothing', async () => {
    const room = makeCommands()
    const link = await attached(room)
    hold(link.session, 1)
    expect(await room.ask(link, 'message', { reference: 1 })).toBe('ok')
    expect([room.taken, room.core.told]).toEqual([['message'], []])
  })
})

describe('[LINK-4.1-5] a field that has to be understood', () => {
  test.each(Object.keys(rows) as CommandName[])(
    'in %s is looked at where it ends',
    async (name) => {
      const { proven, ask, taken } = makeCommands()
      const status = await ask(await proven(), name, { fields: unknownField })
      const travels = name === 'message' || name === 'fetch'
      expect([status, taken]).toEqual(travels ? ['ok', [name]] : ['feature-required', []])
    },
  )

  test.each([0x7f, commands.verify.number])(
    '[LINK-4.2-4] in the command %i, which is not offered, says nothing',
    async (number) => {
      const { proven, ask } = makeCommands()
      expect(await ask(await proven(), number, { fields: unknownField })).toBe('unknown-command')
    },
  )
})

describe('what a request refers to', () => {
  test.each([
    ['is not held', 'credential-ref-unknown', () => undefined],
    [
      'was refused',
      'credential-scope',
      (session: Session) => {
        const grant = session.held.place([1], 1)
        if (typeof grant !== 'string') session.held.refuse(grant, [1], 'credential-scope')
      },
    ],
    [
      '[LINK-6.3-6] has expired by now',
      'credential-expired',
      (session: Session) => hold(session, 1, { expiresAt: 1 }),
    ],
  ] as const)('%s: %s, before anything is counted or read', async (_, code, prepare) => {
    const { proven, ask, core, taken, env } = makeCommands()
    core.waitMs = 100
    const link = await proven()
    prepare(link.session)
    for (const name of ['message', 'renew'] as const) {
      expect(await ask(link, name, { reference: 1 })).toBe(code)
    }
    expect([taken, core.told, env.meter.total('credential_references_total')]).toEqual([[], [], 0])
  })

  test('[LINK-6.3-8] is not judged yet: the request waits for it', async () => {
    const { env, proven, ask, taken } = makeCommands()
    const link = await proven()
    const held = hold(link.session, 1)
    held.grant.state = 'waiting'
    expect(await ask(link, 'message', { reference: 1 })).toBe('no answer')
    held.grant.state = 'good'
    link.session.waiting.reopen()
    await env.clock.advance(0)
    expect([taken, link.far.answers.length]).toEqual([['message by alice@a.example'], 1])
  })
})

describe('[LINK-6.5-1] the rate of the peer domain', () => {
  test('is that of the credential, else that of the first domain that is proven here', async () => {
    const { proven, ask, core } = makeCommands()
    const link = await proven({ remote: 'c.example' })
    hold(link.session, 1)
    await ask(link, 'message')
    await ask(link, 'message', { reference: 1 })
    expect(core.told).toEqual(['request of c.example', 'request of a.example'])
  })

  test('comes before the command is known, and tells how long to wait', async () => {
    const { proven, ask, core, taken } = makeCommands()
    core.waitMs = 400
    const link = await proven()
    expect([await ask(link, 'message'), await ask(link, 0x7f)]).toEqual(
      Array(2).fill('rate-limited'),
    )
    expect(taken).toEqual([])
    const waits = link.far.answers.map((one) => one.fields.get(fields.retryAfter.tag))
    expect(waits.map((bytes) => bytes?.readUInt32BE())).toEqual([400, 400])
  })

  test.each(['prove', 'keys', 'forget'] as const)(
    'does not bound %s, which is about the link',
    async (name) => {
      const { proven, ask, core } = makeCommands()
      core.waitMs = 400
      expect([await ask(await proven(), name), core.told]).toEqual(['ok', []])
    },
  )

  test('[LINK-6.3-9] bounds CREDENTIAL of a stranger before it is read, whatever number it gives', async () => {
    const { proven, ask, core, taken } = makeCommands()
    core.waitMs = 400
    const link = await proven()
    expect(await ask(link, 'credential', { reference: 7 })).toBe('rate-limited')
    expect([taken, core.told]).toEqual([[], ['request of a.example']])
    core.waitMs = -1
    expect([await ask(link, 'credential', { reference: 8 }), taken]).toEqual(['ok', ['credential']])
  })

  test.each(['renew', 'notify'] as const)(
    '[LINK-6.5-5] %s counts for the domain that it names, once it is read',
    async (name) => {
      const { proven, ask, core, taken } = makeCommands()
      core.waitMs = 400
      expect([await ask(await proven(), name), core.told]).toEqual([okOf(name), []])
      expect(taken).toEqual([name])
    },
  )
})

test('every command that is offered stands in the table of this test', () => {
  const offered = Object.values(commands).filter(({ status }) => status === 'now')
  expect(Object.values(names).flat().sort()).toEqual(
    offered.map(({ number }) => commandOf(number)).sort(),
  )
})
