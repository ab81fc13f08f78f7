/**
 * Our own key set as it is told now: signed at the start, and anew once a week, long before the set that peers hold runs out.
 *
 * In:    what signs a set, its content as of a second, the clock.
 * Out:   the bytes that KEYS answers; when the set, or a key in it, ends.
 * Fails: never.
 *
 * A week by either clock: while the machine sleeps the wall clock alone goes on.
 */
import type { Clock } from '../lib/clock.ts'
import type { keySetOf } from './publish-keys.ts'

export type SignedContent = ReturnType<typeof keySetOf>

type Signed = {
  readonly bytes: Buffer
  readonly untilMs: number
  readonly at: number
  readonly wallAt: number
}

const renewMs = 7 * 86_400_000

export class OwnKeySet {
  readonly #clock: Pick<Clock, 'now' | 'wall'>
  readonly #contentAt: (seconds: number) => SignedContent
  readonly #sign: (content: SignedContent) => Buffer
  #signed: Signed

  constructor(
    clock: Pick<Clock, 'now' | 'wall'>,
    contentAt: (seconds: number) => SignedContent,
    sign: (content: SignedContent) => Buffer,
  ) {
    this.#clock = clock
    this.#contentAt = contentAt
    this.#sign = sign
    this.#signed = this.#made()
  }

  get bytes(): Buffer {
    return this.#current().bytes
  }

  /** Wall clock in ms: from then on nobody believes what these keys sign. */
  get untilMs(): number {
    return this.#current().untilMs
  }

  #current(): Signed {
    const { now, wall } = this.#clock
    const { at, wallAt } = this.#signed
    if (now() - at > renewMs || wall() - wallAt > renewMs) this.#signed = this.#made()
    return this.#signed
  }

  #made(): Signed {
    const wallAt = this.#clock.wall()
    const content = this.#contentAt(Math.floor(wallAt / 1000))
    const ends = [content.ver + content.seconds, ...content.keys.map(({ naf }) => naf)]
    const untilMs = Math.min(...ends) * 1000
    return { bytes: this.#sign(content), untilMs, at: this.#clock.now(), wallAt }
  }
}
