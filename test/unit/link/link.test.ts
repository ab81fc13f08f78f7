import { describe, expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import type { Status } from '../../../src/errors.ts'
import { limitsWith } from '../../../src/limits.ts'
import { ownCounters } from '../../../src/link/counters.ts'
import type { Hello } from '../../../src/link/hello.ts'
import { Link, type LinkOwner, type RequestView } from '../../../src/link/link.ts'
import { bare, contentOf, type Outgoing } from '../../../src/link/outgoing.ts'
import { type CommandName, commands } from '../../../src/wire/registry.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { memoryChannelPair, tlsLikeFacts } from '../../support/memory-channel.ts'

const second = 1000

/** What the owner of one end was told. */
class Told implements LinkOwner {
  readonly ended: Status[] = []
  readonly requests: { readonly id: number; readonly bytes: number }[] = []
  used = false
  /** Answers at once, unless told otherwise. */
  answers = true

  greeted(): undefined {}
  orphan(): undefined {}
  opened(): undefined {}
  draining(): undefined {}

  request(link: Link, { id, trafficClass, command, bodyAt, end }: RequestView): undefined {
    this.requests.push({ id, bytes: end - bodyAt })
    if (this.answers) link.answer(id, trafficClass, command, 'ok')
  }

  closed(_link: Link, reason: Status): undefined {
    this.ended.push(reason)
  }

  isUsed(): boolean {
    return this.used
  }
}

const hello = (boot: string): Hello => ({
  role: 'gateway',
  domain: 'a.example' as Domain,
  software: 'test',
  boot,
  state: boot,
  nonce: 'A'.repeat(43),
  services: ['im', 'pres'],
  messageBytes: 65_536,
  references: 16,
  subjects: 0,
})

function makeLinks(overrides: Parameters<typeof limitsWith>[0] = {}) {
  const clock = new ManualClock()
  const limits = limitsWith(overrides)
  const facts = tlsLikeFacts(undefined, 'link')
  const pair = memoryChannelPair({ clock, ...facts })
  pair.toInitiating.latencyMs = 10
  pair.toReceiving.latencyMs = 10
  const make = (side: 'initiating' | 'receiving', channel: typeof pair.initiating) => {
    const told = new Told()
    const link = new Link({
      channel,
      side,
      hello: hello(side),
      owner: told,
      limits,
      clock,
      ageMs: Number.POSITIVE_INFINITY,
      answerMs: limits.requestMs,
      counters: ownCounters(),
      limitHit: () => undefined,
    })
    return { link, told }
  }
  const initiating = make('initiating', pair.initiating)
  const receiving = make('receiving', pair.receiving)
  const start = (): undefined => {
    initiating.link.start()
    receiving.link.start()
  }
  /** Both sides know each other, and both windows are open. */
  const open = async (): Promise<undefined> => {
    start()
    await clock.advance(50)
    initiating.link.proven()
    receiving.link.proven()
    await clock.advance(50)
  }
  /** Seconds pass as in a gateway. */
  const tick = async (seconds: number): Promise<undefined> => {
    for (let n = 0; n < seconds; n++) {
      await clock.advance(second)
      initiating.link.tick(clock.now())
      receiving.link.tick(clock.now())
    }
  }
  return { clock, limits, pair, initiating, receiving, start, open, tick }
}

type Outcome = { status: Status | undefined; sent: boolean | undefined }

function ask(link: Link, command: CommandName, bytes: number, expectsAnswer = true): Outcome {
  const outcome: Outcome = { status: undefined, sent: undefined }
  const { number, trafficClass } = commands[command]
  const outgoing: Outgoing = {
    ...bare,
    ...contentOf(Buffer.alloc(0), Buffer.alloc(bytes)),
    command: number,
    trafficClass,
    expectsAnswer,
    answered: ({ status }) => {
      outcome.status = status
    },
    failed: (code, sent) => {
      outcome.status = code
      outcome.sent = sent
    },
  }
  link.ask(outgoing)
  return outcome
}

describe('letting go of a link', () => {
  test('before HELLO has come is no breach of the other side', async () => {
    const { clock, initiating, receiving, start } = makeLinks()
    start()
    ask(initiating.link, 'message', 10)
    await clock.advance(1)
    initiating.link.release('duplicate')
    await clock.advance(second)
    expect(initiating.told.ended).toEqual(['duplicate'])
    expect(receiving.told.ended).toEqual(['duplicate'])
  })

  test('passes over a long request that crosses it, to the last piece', async () => {
    const { clock, initiating, receiving, open } = makeLinks()
    await open()
    receiving.told.answers = false
    ask(initiating.link, 'message', 10)
    await clock.advance(50)
    receiving.link.release('age-release')
    const late = ask(initiating.link, 'message', 40_000)
    await clock.advance(second)
    expect(late).toEqual({ status: 'link-lost', sent: false })
    expect(receiving.told.ended).toEqual([])
    const [first] = receiving.told.requests
    receiving.link.answer(first?.id ?? 0, 1, commands.message.number, 'ok')
    await clock.advance(second)
    expect(receiving.told.ended).toEqual(['age-release'])
    expect(initiating.told.ended).toEqual(['age-release'])
  })
})

describe('a far side that does not read', () => {
  test('is told so before what it has not read', async () => {
    const { clock, pair, initiating, receiving, open } = makeLinks()
    await open()
    initiating.told.answers = false
    for (let n = 0; n < 100; n++) ask(receiving.link, 'message', 0)
    await clock.advance(50)
    pair.toReceiving.isHeld = true
    const { number, trafficClass } = commands.message
    for (const { id } of initiating.told.requests) {
      const long = Buffer.alloc(10_000)
      initiating.link.answerWith(id, trafficClass, number, 'ok', long, 0, 0, long.length)
    }
    await clock.advance(10)
    initiating.link.break('slow-reader', 'told by the test')
    pair.toReceiving.isHeld = false
    await clock.advance(100)
    expect(pair.toReceiving.arrived).toBeLessThan(400_000)
    expect(receiving.told.ended).toEqual(['slow-reader'])
  })
})

describe('credit', () => {
  test('that was used before the window opened is given back with it', async () => {
    const window = 131_072
    const { clock, initiating, receiving, start } = makeLinks({ windowBytes: window })
    start()
    await clock.advance(50)
    for (let n = 0; n < 4; n++) ask(initiating.link, 'message', 15_000)
    await clock.advance(50)
    receiving.link.proven()
    initiating.link.proven()
    await clock.advance(50)
    receiving.told.answers = false
    // All but the heads of eight requests fits the window.
    for (let n = 0; n < 8; n++) ask(initiating.link, 'message', 16_000)
    await clock.advance(second)
    expect(receiving.told.requests).toHaveLength(12)
  })
})

describe('an idle link', () => {
  test('is let go although keys are asked for on it', async () => {
    const { initiating, open, tick } = makeLinks({ idleMs: 60 * second })
    await open()
    for (let n = 0; n < 8 && initiating.link.isUsable; n++) {
      ask(initiating.link, 'keys', 0)
      await tick(20)
    }
    expect(initiating.told.ended).toEqual(['idle-release'])
  })

  test('is kept by a message now and then', async () => {
    const { initiating, open, tick } = makeLinks({ idleMs: 60 * second })
    await open()
    for (let n = 0; n < 8; n++) {
      ask(initiating.link, 'message', 0)
      await tick(20)
    }
    expect(initiating.told.ended).toEqual([])
  })
})

describe('a request to which no answer is expected', () => {
  test('is told when its link is lost: it may be lost with it', async () => {
    const { clock, pair, initiating, receiving, open } = makeLinks()
    await open()
    receiving.told.answers = false
    const outcome = ask(initiating.link, 'notify', 100, false)
    await clock.advance(second)
    expect(outcome.status).toBeUndefined()
    pair.cut('both')
    await clock.advance(second)
    expect(outcome).toEqual({ status: 'link-lost', sent: true })
  })

  test('is told of a refusal', async () => {
    const { clock, initiating, receiving, open } = makeLinks()
    await open()
    const outcomes = [1, 2, 3].map(() => ask(initiating.link, 'notify', 100, false))
    receiving.told.answers = false
    await clock.advance(50)
    const refused = receiving.told.requests[1]
    receiving.link.answer(refused?.id ?? 0, 2, commands.notify.number, 'busy')
    await clock.advance(50)
    expect(outcomes.map(({ status }) => status)).toEqual([undefined, 'busy', undefined])
  })

  test('is told when the far side let go before it', async () => {
    const { clock, initiating, receiving, open } = makeLinks()
    await open()
    receiving.told.answers = false
    ask(initiating.link, 'message', 10)
    await clock.advance(50)
    receiving.link.release('age-release')
    const outcome = ask(initiating.link, 'notify', 100, false)
    await clock.advance(50)
    expect(outcome).toEqual({ status: 'link-lost', sent: false })
  })
})
