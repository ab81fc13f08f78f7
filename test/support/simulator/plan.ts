/**
 * What a seed draws before it starts: who is there, how tight the limits are, how devices behave.
 */
import type { Random } from '../../../src/lib/random.ts'
import type { Limits } from '../../../src/limits.ts'
import type { Reply } from './device.ts'
import { between, pick } from './faults.ts'
import type { WorldSite } from './world.ts'

/** How a device answers a message; `undefined`: as it should. */
export function drawReply(random: Random | undefined): Reply {
  const draw = random?.number() ?? 1
  if (draw < 0.02) return { status: 'delivered', afterMs: 7000 }
  if (draw < 0.03) return { status: 'delivered', afterMs: 40_000 }
  if (draw < 0.04) return { status: 'inbox-full', afterMs: 1 }
  if (draw < 0.05) return { status: 'refused', afterMs: 1 }
  if (draw < 0.5) return { status: 'delivered', afterMs: 0 }
  return { status: 'delivered', afterMs: 1 + draw * 30 }
}

export function drawSites(random: Random): readonly WorldSite[] {
  const count = random.number() < 0.5 ? 2 : 3
  const names = ['a', 'b', 'c'].slice(0, count)
  return names.map((name, index) => {
    const users = ['alice', 'bob'].slice(0, between(random, 1, 2))
    const first = { name: `${name}.example`, users }
    // One site may run two domains.
    const isTwo = index === count - 1 && random.number() < 0.4
    return isTwo
      ? { name, domains: [first, { name: `${name}2.example`, users: ['carol'] }] }
      : { name, domains: [first] }
  })
}

/** Small windows and short lives, so that everything happens in a run. */
export function drawLimits(random: Random): Partial<Limits> {
  const either = <T>(...all: readonly T[]): T => pick(random, all) as T
  const isTight = random.number() < 0.3
  return {
    windowRequests: either(32, 64, 512),
    windowBytes: either(131_072, 262_144, 1_048_576),
    socketBytes: either(20_000, 131_072),
    linkAgeMs: either(60_000, 120_000, 43_200_000, 43_200_000),
    ...either({ idleMs: 15_000 }, { keySoftMs: 20_000 }, {}),
    credentialSeconds: either(40, 600),
    references: either(3, 16_384, 16_384),
    keyRefetchMs: either(3000, 30_000),
    keyFailureMs: 2000,
    keyFailureCapMs: 20_000,
    redialCapMs: either(5000, 60_000),
    laneInFlight: either(4, 16),
    notifyMs: either(200, 2000),
    waitingOutBytes: either(150_000, 4_194_304),
    heldBytes: either(3000, 20_000, 67_108_864, 67_108_864),
    owners: either(1, 16_384),
    ownerMs: either(0, 5000, 60_000),
    ownersWaiting: either(1, 8, 4096, 4096),
    // Longer than a run, and over before the tables are looked at.
    duplicateMs: 40 * 60_000,
    ...(isTight
      ? {}
      : { lanePerSecond: 100, laneBurst: 400, senderPerSecond: 200, senderBurst: 800 }),
  }
}

export function shuffled<T>(random: Random, all: readonly T[]): readonly T[] {
  const left = [...all]
  for (let i = left.length - 1; i > 0; i--) {
    const j = between(random, 0, i)
    ;[left[i], left[j]] = [left[j] as T, left[i] as T]
  }
  return left
}
