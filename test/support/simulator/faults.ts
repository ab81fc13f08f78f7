/**
 * What goes wrong: each fault begins, lasts, and is taken back, at the latest when everything is healed.
 *
 * In:    the world, chance, and how long it lasts.
 * Out:   how to end it; `undefined`: there was nothing to break just now.
 */
import type { Domain } from '../../../src/address/domain.ts'
import type { Random } from '../../../src/lib/random.ts'
import { peerPort } from './network.ts'
import type { Site } from './site.ts'
import type { End, Wire } from './wire.ts'
import type { World } from './world.ts'

export type Scene = {
  readonly world: World
  readonly random: Random
  /** Runs `task` after `ms`, unless everything is healed before. */
  readonly later: (ms: number, task: () => undefined) => undefined
}

type Begin = (scene: Scene) => (() => undefined) | undefined

const nothing = (): undefined => undefined

/** A whole number from `low` up to `high`. */
export const between = ({ number }: Random, low: number, high: number): number =>
  low + Math.floor(number() * (high - low + 1))

export const pick = <T>(random: Random, all: readonly T[]): T | undefined =>
  all[between(random, 0, all.length - 1)]

const ends: readonly End[] = ['initiating', 'receiving']

const peerWire = ({ world, random }: Scene): Wire | undefined =>
  pick(
    random,
    [...world.network.wires].filter(({ isClient, isOpen }) => !isClient && isOpen),
  )

const clientWire = ({ world, random }: Scene): Wire | undefined =>
  pick(
    random,
    [...world.network.wires].filter(({ isClient, isOpen }) => isClient && isOpen),
  )

const anyWire = (scene: Scene): Wire | undefined =>
  scene.random.number() < 0.7 ? peerWire(scene) : clientWire(scene)

const someDomain = ({ world, random }: Scene): Domain =>
  pick(
    random,
    world.sites.flatMap(({ domains }) => domains),
  ) as Domain

const someSite = ({ world, random }: Scene): Site => pick(random, world.sites) as Site

/** One direction of a wire, or both. */
const someEnds = ({ random }: Scene): readonly End[] =>
  random.number() < 0.3 ? ends : [pick(random, ends) as End]

function onFlows(
  choose: (scene: Scene) => Wire | undefined,
  change: (flow: Wire['toReceiving'], scene: Scene) => () => undefined,
): Begin {
  return (scene) => {
    const wire = choose(scene)
    if (wire === undefined) return undefined
    const undone = someEnds(scene).map((end) => change(wire.flow(end), scene))
    return () => {
      for (const undo of undone) undo()
    }
  }
}

const hold = (flow: Wire['toReceiving']): (() => undefined) => {
  flow.isHeld = true
  return () => {
    flow.isHeld = false
  }
}

const srvNames = (domain: Domain): readonly string[] => [
  `_im._mitp.${domain}`,
  `_pres._pitp.${domain}`,
]

function dialTrouble(trouble: 'refused' | 'silent' | { readonly certificateOf: string }): Begin {
  return (scene) => {
    const { world } = scene
    const place = `${someSite(scene).ip}:${peerPort}`
    world.network.troubles.set(place, trouble)
    return () => {
      world.network.troubles.delete(place)
    }
  }
}

/** A site is down for a while. */
function restart(stop: (site: Site, scene: Scene) => undefined): Begin {
  return (scene) => {
    const site = someSite(scene)
    if (site.run === undefined) return undefined
    stop(site, scene)
    return () => site.ensure()
  }
}

export const faults = {
  delay: onFlows(anyWire, (flow, { random }) => {
    const before = flow.latencyMs
    flow.latencyMs = before + between(random, 100, 4000)
    return () => {
      flow.latencyMs = before
    }
  }),
  cut: (scene) => {
    const wire = anyWire(scene)
    wire?.cut('both')
    return wire && nothing
  },
  'half-open': (scene) => {
    const wire = anyWire(scene)
    wire?.cut(pick(scene.random, ['initiating', 'receiving', 'nobody'] as const) ?? 'nobody')
    return wire && nothing
  },
  hold: onFlows(anyWire, hold),
  throttle: onFlows(anyWire, (flow, { random }) => {
    flow.bytesPerMs = between(random, 1, 10)
    return () => {
      flow.bytesPerMs = Number.POSITIVE_INFINITY
    }
  }),
  slice: onFlows(anyWire, (flow, { random }) => {
    flow.pieceBytes = () => between(random, 1, 400)
    return () => {
      flow.pieceBytes = () => 65_536
    }
  }),
  'stall-reader': onFlows(clientWire, (flow) => {
    flow.bufferBytes = 4096
    const go = hold(flow)
    return () => {
      flow.bufferBytes = 262_144
      go()
    }
  }),
  'dns-failure': (scene) => {
    const { dns } = scene.world
    const names = srvNames(someDomain(scene))
    const troubles = ['silent', 'servfail', 'refused', 'garbage', 'truncated'] as const
    const trouble = pick(scene.random, troubles) ?? 'silent'
    for (const name of names) dns.fail(name, trouble)
    return () => {
      for (const name of names) dns.heal(name)
    }
  },
  'dns-gone': (scene) => {
    const { world } = scene
    const domain = someDomain(scene)
    world.unpublish(domain)
    return () => {
      world.unpublish(domain)
      world.publish(domain)
    }
  },
  'dns-wrong': (scene) => {
    const { world, random } = scene
    const domain = someDomain(scene)
    const other = pick(
      random,
      world.sites.filter(({ domains }) => !domains.includes(domain)),
    )
    if (other === undefined) return undefined
    world.unpublish(domain)
    // Somebody else's gateway, or a place inside that nobody may be led to.
    const ip = random.number() < 0.7 ? other.ip : '127.0.0.1'
    for (const name of srvNames(domain)) {
      world.dns.add(`${name} 30 SRV 0 0 ${peerPort} gw.${domain}`)
    }
    world.dns.add(`gw.${domain} 30 A ${ip}`)
    return () => {
      world.unpublish(domain)
      world.publish(domain)
    }
  },
  'refused-dial': dialTrouble('refused'),
  'silent-dial': dialTrouble('silent'),
  'wrong-certificate': dialTrouble({ certificateOf: 'other.example' }),
  partition: (scene) => {
    const { world, random } = scene
    const a = someSite(scene)
    const b = pick(
      random,
      world.sites.filter((site) => site !== a),
    ) as Site
    const { network } = world
    const wires = network.wiresOf(a.name).filter(({ from, to }) => from === b.name || to === b.name)
    const ways = [`${a.name} ${b.ip}:${peerPort}`, `${b.name} ${a.ip}:${peerPort}`]
    for (const { toReceiving, toInitiating } of wires) {
      toReceiving.isHeld = true
      toInitiating.isHeld = true
    }
    for (const way of ways) network.troubles.set(way, 'silent')
    return () => {
      for (const way of ways) network.troubles.delete(way)
      for (const { toReceiving, toInitiating } of wires) {
        toReceiving.isHeld = false
        toInitiating.isHeld = false
      }
    }
  },
  'key-rotation': (scene) => {
    const { world, later } = scene
    const operator = world.operator(someDomain(scene))
    const overlapMs = world.limits.keySoftMs
    operator.publishNext()
    later(overlapMs, () => operator.useNext())
    return () => {
      operator.useNext()
    }
  },
  'key-revocation': (scene) => {
    scene.world.operator(someDomain(scene)).revoke()
    return nothing
  },
  directory: (scene) => {
    const { world, random } = scene
    const operator = world.operator(someDomain(scene))
    const most = pick(random, [50, 2000, 8000]) as number
    const failing = pick(random, [0, 0.2, 1]) as number
    operator.directoryTakesMs = () =>
      random.number() < failing ? undefined : between(random, 0, most)
    return () => {
      operator.directoryTakesMs = () => 0
    }
  },
  'clock-skew': (scene) => {
    const site = someSite(scene)
    const { random } = scene
    const most = random.number() < 0.6 ? 25_000 : 300_000
    site.skew(between(random, -most, most))
    return () => site.skew(0)
  },
  kill: restart((site, { random }) => site.kill(random.number() < 0.7)),
  drain: restart((site) => {
    void site.drain()
  }),
  pause: (scene) => {
    const { world, random } = scene
    const site = someSite(scene)
    const { run } = site
    if (run === undefined || run.clock.pausedUntil > world.scheduler.now) return undefined
    const wires = world.network.wiresOf(site.name)
    for (const { toReceiving, toInitiating } of wires) {
      toReceiving.isHeld = true
      toInitiating.isHeld = true
    }
    const ms = between(random, 500, 40_000)
    run.clock.pausedUntil = world.scheduler.now + ms
    world.scheduler.clock().after(ms, () => {
      for (const { toReceiving, toInitiating } of wires) {
        toReceiving.isHeld = false
        toInitiating.isHeld = false
      }
    })
    return nothing
  },
  'forgotten-references': (scene) => {
    const { run } = someSite(scene)
    if (run === undefined) return undefined
    for (const { held } of run.gateway.sessions.all) {
      for (let number = 1; number <= 64; number++) held.forget(number)
    }
    return nothing
  },
} satisfies Record<string, Begin>

export type FaultKind = keyof typeof faults

export const faultKinds = Object.keys(faults) as readonly FaultKind[]

export const beginFault = (kind: FaultKind, scene: Scene): (() => undefined) | undefined =>
  (faults[kind] as Begin)(scene)
