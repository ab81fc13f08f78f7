/**
 * Sampling: no kind of line fills the log, whoever causes it. All lines of the process pass here.
 *
 * In:    lines. The kind of one is its event with the name in it: `remote` (another domain), `domain` (one of ours) or
 *        `path`; without a name, with its cause or result.
 * Out:   of each kind a burst, then one a minute; `more` says how many like it were left out since. Those are told as the
 *        last of them within a minute, and each of them at level `debug`.
 * Fails: never.
 *
 * Who names no domain that is known is a stranger: there is no end to what strangers can say, so one line is their burst.
 * Names are bounded, too: beyond `logKinds` of them, the one silent longest is forgotten and may speak again.
 */
import { type BoundedMap, boundedMap } from './bounded-map.ts'
import type { Clock } from './clock.ts'
import type { Facts, Log } from './log.ts'
import { TokenBucket } from './token-bucket.ts'

type Level = 'info' | 'warn' | 'error'

type Kind = {
  readonly pace: TokenBucket
  /** About nobody else. */
  readonly isOwn: boolean
  /** Left out since the last line. */
  left: number
  last: (more: number) => undefined
}

const minute = 60_000
const knownBurst = 10
const strangerBurst = 1

export class SampledLog implements Log {
  readonly debug: Log['debug']
  readonly #log: Log
  readonly #clock: Clock
  readonly #kinds: BoundedMap<Kind>
  /** Those with lines left out. */
  readonly #owing = new Set<Kind>()
  #isArmed = false
  /** All kinds together, but for what the program says of itself: its end must not go unsaid. */
  readonly #pace: TokenBucket

  constructor(log: Log, clock: Clock, { logKinds, logPerSecond }: SampledLimits) {
    this.#log = log
    this.#clock = clock
    this.debug = log.debug
    this.#kinds = boundedMap({ most: logKinds, forgotten: (kind) => void this.#owing.delete(kind) })
    this.#pace = new TokenBucket(logPerSecond, logPerSecond * 10, clock.now())
  }

  readonly info: Log['info'] = (event, facts) => this.#line('info', event, facts)
  readonly warn: Log['warn'] = (event, facts) => this.#line('warn', event, facts)
  readonly error: Log['error'] = (event, facts) => this.#line('error', event, facts)

  #line(level: Level, event: string, facts: Facts = {}): undefined {
    const kind = this.#kindOf(event, facts)
    const write = (more: number): undefined =>
      this.#log[level](event, more === 0 ? facts : { ...facts, more })
    if (this.#mayWrite(kind)) return this.#write(kind, write, 0)
    kind.left++
    kind.last = write
    this.debug(event, facts)
    this.#owing.add(kind)
    this.#arm()
  }

  #write(kind: Kind, write: Kind['last'], itself: number): undefined {
    const more = kind.left - itself
    kind.left = 0
    this.#owing.delete(kind)
    return write(more)
  }

  #mayWrite({ pace, isOwn }: Kind): boolean {
    const now = this.#clock.now()
    return pace.take(now) && (isOwn || this.#pace.take(now))
  }

  /** A flood that is over has its last line, too. */
  #settle(): undefined {
    this.#isArmed = false
    for (const kind of this.#owing) {
      if (this.#mayWrite(kind)) this.#write(kind, kind.last, 1)
    }
    if (this.#owing.size > 0) this.#arm()
  }

  #arm(): undefined {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#clock.after(minute, () => this.#settle())
  }

  #kindOf(event: string, facts: Facts): Kind {
    const { remote, claimed, domain, peer, path, cause, result } = facts
    const named = remote ?? domain ?? path
    const isStranger = named === undefined && (peer ?? claimed) !== undefined
    const name = `${event} ${named ?? cause ?? result ?? ''}`
    const known = this.#kinds.get(name)
    if (known !== undefined) return known
    const burst = isStranger ? strangerBurst : knownBurst
    const pace = new TokenBucket(1000 / minute, burst, this.#clock.now())
    const isOwn = !isStranger && remote === undefined
    const kind: Kind = { pace, isOwn, left: 0, last: () => undefined }
    this.#kinds.set(name, kind)
    return kind
  }
}

type SampledLimits = { readonly logKinds: number; readonly logPerSecond: number }
