/** A directory that takes its time, and fails when it is told to. */
import type { Address } from '../../src/address/address.ts'
import { type Clock, sleep } from '../../src/lib/clock.ts'
import type { Directory, Entry } from '../../src/operation/directory.ts'

export class SlowDirectory implements Directory {
  readonly #listed: Directory
  readonly #clock: Clock
  /** Who was asked about. */
  readonly asked: string[] = []
  delayMs = 50
  isFailing = false

  constructor(listed: Directory, clock: Clock) {
    this.#listed = listed
    this.#clock = clock
  }

  async find(user: Address): Promise<Entry | undefined> {
    this.asked.push(user.text)
    await sleep(this.#clock, this.delayMs)
    if (this.isFailing) throw new Error('the directory is out of order')
    return this.#listed.find(user)
  }
}
