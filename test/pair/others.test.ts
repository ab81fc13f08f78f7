/**
 * Whatever a user or a domain writes: others do not feel it. Frames that are nearly right, of every kind, by a user of
 * ours, by a domain that dials and by one that is dialled; each may lose its own link by them, and nobody else does.
 *
 *   SEEDS=1000   how many runs (40)
 *   SEED=7       where chance begins (1)
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Random } from '../../src/lib/random.ts'
import { setting } from '../support/dose.ts'
import { type Corpus, recordCorpus, type Writer } from '../support/fuzz/corpus.ts'
import { mutate } from '../support/fuzz/mutate.ts'
import { faultsIn } from '../support/room/readable.ts'
import { attacker, hostile, Stand } from '../support/room/stand.ts'
import * as wire from '../support/script/codec.ts'
import type { ScriptedPeer } from '../support/script/peer.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { between, pick } from '../support/simulator/faults.ts'
import type { Frame } from '../support/simulator/tap.ts'

const [firstSeed, seeds] = [setting('SEED', 1), setting('SEEDS', 40, 4)]

const rounds = 30

/**
 * Frames of each type, requests and answers by what they say: the rare ones come as often as the others, but for those
 * that are passed on.
 */
const kindsOf = (frames: readonly Frame[]): readonly (readonly Frame[])[] =>
  [
    ...Map.groupBy(
      frames,
      ({ type, payload }) => `${type} ${isAsking(type) ? payload[0] : ''}`,
    ).values(),
  ].flatMap((all) => Array<readonly Frame[]>(all.some(travels) ? 8 : 1).fill(all))

const isAsking = (type: number): boolean =>
  type === wire.type.request || type === wire.type.response

const travels = ({ type, payload }: Frame): boolean =>
  type === wire.type.request &&
  (payload[0] === wire.command.message || payload[0] === wire.command.fetch)

/** Somebody who writes frames that are nearly right, and comes back when its link has ended. */
class Writing {
  links = 0
  frames = 0
  peer: ScriptedPeer | undefined
  readonly #open: () => Promise<ScriptedPeer | undefined>
  readonly #kinds: readonly (readonly Frame[])[]
  #nextId = 0

  constructor(corpus: Corpus, writer: Writer, open: () => Promise<ScriptedPeer | undefined>) {
    this.#open = open
    this.#kinds = kindsOf(corpus[writer])
  }

  async write(random: Random): Promise<undefined> {
    if (this.peer === undefined || this.peer.isClosed) {
      this.peer = await this.#open()
      if (this.peer === undefined) return
      this.#nextId = this.peer.nextId
      this.links++
    }
    for (let left = between(random, 1, 6); left > 0; left--) {
      const frame = pick(random, pick(random, this.#kinds) ?? [])
      if (frame === undefined || (isLast(frame) && random.number() < 0.9)) continue
      this.peer.raw(mutate(random, this.#anew(random, frame), this.#nextId).bytes)
      this.#nextId += 2
      this.frames++
    }
  }

  /** A message that was not there before, the first of its lane; to a user of ours where it was to its own sender. */
  #anew(random: Random, frame: Frame): Frame {
    if (frame.type !== wire.type.request) return frame
    const payload = Buffer.from(frame.payload)
    const put = (head: readonly number[], value: Buffer): undefined => {
      const at = payload.indexOf(Buffer.from(head))
      if (at >= 0) value.copy(payload, at + head.length)
    }
    if (payload[0] === wire.command.message) {
      put([wire.tag.id, 0, 16], random.bytes(16))
      put([wire.tag.lane, 0, 8], wire.u32(1_800_000_000 + this.frames, 1))
    }
    put([wire.tag.to, 0, attacker.length], Buffer.from('carol@a.example'))
    return { ...frame, payload }
  }
}

/** What ends the link of its writer whatever else it says. */
const isLast = ({ type }: Frame): boolean =>
  type === wire.type.hello || type === wire.type.release || type === wire.type.chunk

async function runSeed(corpus: Corpus, seed: number) {
  const random = seededRandom(seed)
  const stand = await new Stand().open()
  const { b } = stand.worlds
  // The other domain watches, and is watched, so that what it tells is listened to.
  const watch = stand.bob.client.subscribe(`alice@${hostile}`, () => undefined)
  const dialled = async (): Promise<ScriptedPeer | undefined> => {
    await stand.run(5000)
    const peer = b.dialled.at(-1)
    if (peer === undefined || peer.isClosed) return undefined
    peer.sayHello()
    await stand.run()
    b.answerClaims(peer)
    await stand.run()
    return stand.grant(peer)
  }
  const writers = [
    new Writing(corpus, 'user', () => stand.user()),
    new Writing(corpus, 'dialling', () => stand.domain()),
    new Writing(corpus, 'dialled', dialled),
  ]
  for (let n = 0; n < rounds; n++) {
    for (const writer of writers) await writer.write(random)
    await stand.run(between(random, 0, 50))
  }
  watch.end()
  const readable = stand.readers.flatMap(({ frames }) => faultsIn(frames, () => 0))
  return { faults: [...(await stand.faults()), ...readable], writers }
}

describe('others', () => {
  let corpus: Corpus
  beforeAll(async () => {
    corpus = await recordCorpus()
  })

  test(`[LINK-8.1-3] ${seeds} runs: nobody ends what others use`, async () => {
    const frames = [0, 0, 0]
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const { faults, writers } = await runSeed(corpus, seed)
      expect(faults, `seed ${seed} (SEED=${seed} SEEDS=1 repeats it)`).toEqual([])
      for (const [i, writer] of writers.entries()) frames[i] = (frames[i] as number) + writer.frames
    }
    for (const count of frames) expect(count).toBeGreaterThan(seeds * 10)
  })
})
