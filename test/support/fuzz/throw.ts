/**
 * Throws mutated frames at a gateway, link by link, and measures.
 *
 * In:    a target, a seed for each link: the same seed throws the same bytes.
 * Out:   frames, how many of them had their fields read, the longest time that the gateway was busy with one chunk, or
 *        with all that it had put off.
 */
import type { Random } from '../../../src/lib/random.ts'
import { FieldTable } from '../../../src/wire/fields.ts'
import * as wire from '../script/codec.ts'
import { seededRandom } from '../seeded-random.ts'
import { between, pick } from '../simulator/faults.ts'
import type { Frame } from '../simulator/tap.ts'
import type { Corpus, Writer } from './corpus.ts'
import { mutate } from './mutate.ts'
import { type FuzzChannel, type Stage, stages, type Target } from './target.ts'

/** Most frames on one link. */
const linkFrames = 400

/** Whose frames belong on a link at this stage. */
const writers: Readonly<Record<Stage, Writer>> = {
  fresh: 'dialling',
  greeted: 'dialling',
  proven: 'dialling',
  attached: 'user',
  dialled: 'dialled',
}

/** How often a link is opened at each stage, and a frame of each type is taken. */
const stageWeights = [5, 10, 45, 25, 15]
const typeWeights = [
  ['hello', 0.2],
  ['request', 88],
  ['response', 1.5],
  ['chunk', 1],
  ['credit', 4],
  ['cancel', 2],
  ['ping', 3],
  ['release', 0.3],
] as const
const weightsOfTypes = typeWeights.map(([, weight]) => weight)

/** By type; those of each command or status apart, so that the rare ones come as often as the others. */
type Sorted = ReadonlyMap<string, readonly (readonly Frame[])[]>

export type Thrown = {
  /** Those that were changed. */
  mutated: number
  /** Those that were left as they were. */
  whole: number
  /** Of both: how often fields were read. */
  decoded: number
  longestMs: number
}

/** Counts how often a gateway reads fields, without touching what it reads. */
export class Reads {
  count = 0
  readonly #read = FieldTable.prototype.read

  constructor() {
    const read = this.#read
    const counted = (): number => ++this.count
    FieldTable.prototype.read = function (buffer, start, end) {
      counted()
      return read.call(this, buffer, start, end)
    }
  }

  stop(): undefined {
    FieldTable.prototype.read = this.#read
  }
}

export class Thrower {
  readonly #sorted: Readonly<Record<Writer, Sorted>>
  readonly #reads: Reads

  constructor(corpus: Corpus, reads: Reads) {
    const { dialling, dialled, user } = corpus
    this.#sorted = { dialling: sort(dialling), dialled: sort(dialled), user: sort(user) }
    this.#reads = reads
  }

  /** One link. */
  async throwAt(target: Target, seed: number): Promise<Thrown> {
    const random = seededRandom(seed)
    const channel = await target.open(stages[draw(random, stageWeights)] as Stage)
    const thrown = { mutated: 0, whole: 0, decoded: 0, longestMs: 0 }
    const before = this.#reads.count
    while (!channel.isClosed && thrown.mutated + thrown.whole < linkFrames) {
      const chunks = split(random, Buffer.concat(this.#batch(random, channel, thrown)))
      for (const chunk of chunks) {
        const watch = new Stopwatch()
        channel.feed(chunk)
        thrown.longestMs = Math.max(thrown.longestMs, watch.ms)
      }
      if (random.number() < 0.5) await this.#breathe(target, thrown)
    }
    await this.#breathe(target, thrown)
    thrown.decoded = this.#reads.count - before
    channel.close()
    return thrown
  }

  /** What the gateway put off, promises and all. */
  async #breathe(target: Target, thrown: Thrown): Promise<undefined> {
    const watch = new Stopwatch()
    await target.breathe()
    thrown.longestMs = Math.max(thrown.longestMs, watch.ms)
  }

  /** One to three frames. */
  #batch(random: Random, channel: FuzzChannel, thrown: Thrown): readonly Buffer[] {
    const all = this.#sorted[writers[channel.stage]]
    const batch: Buffer[] = []
    for (let left = between(random, 1, 3); left > 0; left--) {
      const isFirst = thrown.mutated + thrown.whole === 0
      const type = isFirst && channel.stage === 'fresh' ? 'hello' : drawType(random)
      const frame = pick(random, pick(random, all.get(type) ?? []) ?? [])
      if (frame === undefined) continue
      const { bytes, isMutated } = mutate(random, frame, channel.nextId)
      batch.push(bytes)
      if (isMutated) thrown.mutated++
      else thrown.whole++
      channel.nextId += 2
    }
    return batch
  }
}

const drawType = (random: Random): string => typeWeights[draw(random, weightsOfTypes)]?.[0] ?? ''

const sort = (frames: readonly Frame[]): Sorted =>
  new Map(
    typeWeights.map(([kind]) => {
      const some = frames.filter(({ type }) => type === wire.type[kind])
      const isApart = kind === 'request' || kind === 'response'
      const apart = Map.groupBy(some, ({ payload }) => (isApart ? payload[0] : 0))
      return [kind, [...apart.values()]]
    }),
  )

/** The index that is drawn. */
function draw({ number }: Random, weights: readonly number[]): number {
  let left = number() * weights.reduce((sum, weight) => sum + weight, 0)
  const index = weights.findIndex((weight) => {
    left -= weight
    return left < 0
  })
  return Math.max(0, index)
}

/** The CPU time of a thread is counted in ticks of the system's clock. */
const tickMs = 4

/** Time in which this thread worked; not that in which the machine did something else. */
class Stopwatch {
  readonly #start = performance.now()
  readonly #cpu = process.threadCpuUsage()

  get ms(): number {
    const { user, system } = process.threadCpuUsage(this.#cpu)
    return Math.min(performance.now() - this.#start, (user + system) / 1000 + tickMs)
  }
}

/** As the network may deliver it: whole, or in two or three pieces. */
function* split(random: Random, bytes: Buffer): Generator<Buffer> {
  let at = 0
  for (let pieces = random.number() < 0.7 ? 0 : between(random, 1, 2); pieces > 0; pieces--) {
    const end = between(random, at, bytes.length)
    yield bytes.subarray(at, end)
    at = end
  }
  yield bytes.subarray(at)
}
