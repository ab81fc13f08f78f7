/**
 * Everything a client asks beside messages: one request on a link, and requests that outlive a link.
 *
 * In:    a command with its fields and body; the link as it comes and goes.
 * Out:   the answer, read by the one who asked while it is lent.
 * Fails: `link-lost` or `remote-timeout` when no answer came within the time allowed, `busy` when too much waits,
 *        `link-stopped` at the end.
 * Spec:  FETCH and ISSUE change nothing, so a repetition after a lost link is harmless.
 */
import type { Status } from '../errors.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Limits } from '../limits.ts'
import { type AnswerView, bare, contentOf, type Outgoing } from '../link/outgoing.ts'
import { type CommandName, commands } from '../wire/registry.ts'
import type { Way } from './message-lane.ts'

export type Asked = {
  readonly command: CommandName
  readonly fields: Buffer
  readonly body: Buffer
  readonly answered: (answer: AnswerView) => undefined
  /** No answer will come. */
  readonly failed: (code: Status) => undefined
}

/** A request on its way to our gateway; the client speaks for itself, without a reference. */
export function requestOf({ command, fields, body, answered, failed }: Asked): Outgoing {
  const { number, trafficClass } = commands[command]
  return { ...bare, ...contentOf(fields, body), command: number, trafficClass, answered, failed }
}

type Row = {
  readonly asked: Asked
  /** Stops the timer of the time allowed. */
  readonly cancel: Cancel
  isEnded: boolean
}

export class Requests {
  readonly #clock: Clock
  readonly #limits: Limits
  readonly #waiting = new Set<Row>()
  #way: Way | undefined
  #underWay = 0
  #isStopped = false

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Asks, now or as soon as there is a link, and again if the link is lost before the answer. */
  ask(asked: Asked, lifeMs: number): undefined {
    if (this.#isStopped) return asked.failed('link-stopped')
    if (this.#waiting.size + this.#underWay >= this.#limits.windowRequests) {
      return asked.failed('busy')
    }
    const cancel = this.#clock.after(lifeMs, () => {
      this.#fail(row, this.#waiting.has(row) ? 'link-lost' : 'remote-timeout')
    })
    const row: Row = { asked, cancel, isEnded: false }
    this.#send(row)
  }

  up(way: Way): undefined {
    this.#way = way
    const rows = [...this.#waiting]
    this.#waiting.clear()
    for (const row of rows) this.#send(row)
  }

  down(): undefined {
    this.#way = undefined
  }

  stop(): undefined {
    this.#isStopped = true
    this.#way = undefined
    for (const row of [...this.#waiting]) this.#fail(row, 'link-stopped')
  }

  #send(row: Row): undefined {
    const { asked } = row
    const way = this.#way
    if (way?.isUsable !== true) {
      this.#waiting.add(row)
      return
    }
    this.#underWay++
    way.ask(
      requestOf({
        ...asked,
        answered: (answer) => {
          this.#underWay--
          if (this.#end(row)) asked.answered(answer)
        },
        failed: (code) => {
          this.#underWay--
          this.#again(row, code)
        },
      }),
    )
  }

  #again(row: Row, code: Status): undefined {
    if (this.#isStopped) return this.#fail(row, 'link-stopped')
    // A link that is lost takes nothing, so this waits for the next one.
    if (code === 'link-lost' && !row.isEnded) this.#send(row)
    else this.#fail(row, code)
  }

  #fail(row: Row, code: Status): undefined {
    if (this.#end(row)) row.asked.failed(code)
  }

  /** False: it has ended before. */
  #end(row: Row): boolean {
    const isFirst = !row.isEnded
    row.isEnded = true
    row.cancel()
    this.#waiting.delete(row)
    return isFirst
  }
}
