/**
 * Somebody who runs a domain of its own and lies: frames by hand, on a link into a gateway that is whole.
 *
 * In:    the world; the domain that it runs, whose keys it has.
 * Out:   a scripted peer on a channel that it dialled, and what it could have seen on the way: tokens of others.
 */
import { requestHeadBytes } from '../../../src/wire/registry.ts'
import type { ForgeKey } from '../forge.ts'
import { command, readFields, tag } from '../script/codec.ts'
import { ScriptedPeer } from '../script/peer.ts'
import { peerPort } from './network.ts'
import { epochMs, settle } from './scheduler.ts'
import type { Site } from './site.ts'
import type { World } from './world.ts'

/** Dials `to` as the gateway of `domain`. */
export async function dialAs(world: World, domain: string, to: Site): Promise<ScriptedPeer> {
  const { scheduler, network } = world
  const clock = scheduler.clock()
  const channel = await world.wait(
    network.dial({
      from: `forger of ${domain}`,
      fromIp: '10.9.0.1',
      ip: to.ip,
      port: peerPort,
      domain: to.operators[0].domain,
      service: 'im',
      clock,
      signal: new AbortController().signal,
    }),
  )
  const peer = new ScriptedPeer({
    channel,
    side: 'initiating',
    domain,
    seconds: () => Math.floor((epochMs + scheduler.now) / 1000),
    settle,
  })
  peer.key = keyOf(world, domain)
  peer.sayHello()
  return peer
}

/** The key that `domain` signs with, as the forger of tokens wants it. */
export function keyOf(world: World, domain: string): ForgeKey {
  const { privateKey, publicKey } = world.operator(domain).signing
  return { seed: '', x: publicKey.x, kid: publicKey.thumbprint, privateKey }
}

/** Tokens that crossed a wire, by the command that carried them. */
export class Overheard {
  readonly assertions: string[] = []
  readonly credentials: string[] = []

  /** Reads what is written on every wire from now on. */
  constructor(world: World) {
    const { onWire } = world.network
    world.network.onWire = (wire) => {
      onWire(wire)
      const { onFrame } = wire
      wire.onFrame = (end, frame) => {
        onFrame(end, frame)
        if (!wire.isClient && frame.type === 0x02) this.#hear(frame.payload)
      }
    }
  }

  #hear(payload: Buffer): undefined {
    const end = requestHeadBytes + payload.readUInt16BE(6)
    const token = readFields(payload.subarray(requestHeadBytes, end)).get(tag.token)
    if (token === undefined) return
    if (payload[0] === command.prove) this.assertions.push(token.toString())
    if (payload[0] === command.credential) this.credentials.push(token.toString())
  }
}
