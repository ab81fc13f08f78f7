/** An adapter for tests of whoever uses one: writes down what it is given, and ends it as the test says. */
import type { Status } from '../../src/errors.ts'
import { type Asker, outcomeOf } from '../../src/operation/call.ts'
import type { Message } from '../../src/operation/message.ts'
import type { Adapter, Question } from '../../src/operation/ports.ts'
import type { Audience } from '../../src/operation/presence.ts'
import { bodyOf } from './operations.ts'

export class FakeAdapter implements Adapter {
  readonly name: string
  /** Everything that it was given or told, in its order. */
  readonly log: string[] = []
  readonly #open = new Map<string, (status: Status) => undefined>()

  constructor(name: string) {
    this.name = name
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    this.#enter(`deliver ${bodyOf(message)}`, (status) => asker.ended(message, outcomeOf(status)))
  }

  ask<O extends Question>(operation: O, asker: Asker<O>): undefined {
    this.#enter(`ask ${operation.kind}`, (status) => asker.ended(operation, outcomeOf(status)))
  }

  notify(audience: Audience, only: string | undefined): undefined {
    this.log.push(`notify ${audience.presentity.text} ${only ?? 'all'}`)
  }

  start(): undefined {
    this.log.push('start')
  }

  async drain(reason: Status): Promise<undefined> {
    this.log.push(`drain ${reason}`)
  }

  close(): undefined {
    this.log.push('close')
  }

  /** Ends what was given under that line. */
  end(line: string, status: Status): undefined {
    const end = this.#open.get(line)
    if (end === undefined) throw new Error(`${line} is not open`)
    this.#open.delete(line)
    return end(status)
  }

  #enter(line: string, end: (status: Status) => undefined): undefined {
    this.log.push(line)
    this.#open.set(line, end)
  }
}
