import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../../src/address/address.ts'
import { Message } from '../../../src/operation/message.ts'
import { ByteBudget } from '../../../src/shares/byte-budget.ts'
import { roomShares } from '../../support/room-shares.ts'

const [alice, bob] = [parseAddress('alice@a.example'), parseAddress('bob@b.example')]
const place = { epoch: 1, sequence: 1, settled: 0 }

/** A message in the middle of a chunk: a field, its id, then the body. */
function makeMessage() {
  const chunk = Buffer.from('....tt0123456789abcdefhello.....')
  const message = new Message(alice, bob, place, 1, 0, chunk, 4 + 2, 4, 22, 27)
  const text = (from: number, to: number) => message.buffer.toString('latin1', from, to)
  const seen = () => ({
    fields: text(message.fieldsAt, message.bodyAt),
    id: text(message.idAt, message.idAt + 16),
    body: text(message.bodyAt, message.end),
  })
  return { chunk, message, seen }
}

const whole = { fields: 'tt0123456789abcdef', id: '0123456789abcdef', body: 'hello' }
const bytes = whole.fields.length + whole.body.length

describe('credit: a message that waits', () => {
  test('has bytes of its own once it is detached, whatever becomes of those it was lent', () => {
    const { chunk, message, seen } = makeMessage()
    expect(seen()).toEqual(whole)
    expect(message.detach(new ByteBudget(bytes, roomShares()))).toBe(true)
    chunk.fill('x')
    expect(seen()).toEqual(whole)
  })

  test('is charged for them once, and gives them back once it has ended', () => {
    const budget = new ByteBudget(1000, roomShares())
    const { message } = makeMessage()
    message.detach(budget)
    message.detach(budget)
    expect(budget.used).toBe(bytes)
    message.release()
    message.release()
    expect(budget.used).toBe(0)
  })

  test('is told no without room, and goes on being lent', () => {
    const budget = new ByteBudget(2 * bytes - 1, roomShares())
    const [first, second] = [makeMessage(), makeMessage()]
    expect(first.message.detach(budget)).toBe(true)
    expect(second.message.detach(budget)).toBe(false)
    expect(second.message.buffer).toBe(second.chunk)
    second.message.release()
    expect(budget.used).toBe(bytes)
    first.message.release()
    expect(second.message.detach(budget)).toBe(true)
    expect(second.seen()).toEqual(whole)
  })

  test('takes from nobody if it was never detached', () => {
    const { message } = makeMessage()
    message.release()
    expect(message.detach(new ByteBudget(0, roomShares()))).toBe(false)
  })
})
