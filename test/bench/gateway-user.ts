/** A user of the gateway bench: one plain connection on loopback, attached with a key; frames are made by hand. */
import { createHash, randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { parseAddress } from '../../src/address/address.ts'
import { encodeClientProve } from '../../src/command/prove.ts'
import { readPrivateKey } from '../../src/credential/ed25519.ts'
import { signUserLink } from '../../src/credential/sign.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import { FrameReader, type OnFrame } from '../../src/wire/reader.ts'
import { commands, flag, frame, headerBytes } from '../../src/wire/registry.ts'

export const putU32 = (buffer: Buffer, at: number, value: number): undefined => {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}

export function makeFrame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  putU32(bytes, 5, id)
  payload.copy(bytes, headerBytes)
  return bytes
}

export function requestPayload(command: number, fields: Buffer, body: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head[0] = command
  head.writeUInt16BE(fields.length, 6)
  return Buffer.concat([head, fields, body])
}

const hello = (domain: string, nonce: string) =>
  Buffer.from(
    JSON.stringify({
      version: 1,
      role: 'client',
      domain,
      software: 'bench',
      boot: nonce,
      state: '',
      nonce,
    }),
  )

/** Resolves when attached; frames that follow go to `onFrame`. */
export async function attach(
  port: number,
  user: string,
  domain: string,
  keyPem: string,
  onFrame: OnFrame,
  localAddress = '127.0.0.1',
): Promise<Socket> {
  const pair = readPrivateKey(keyPem)
  if (pair === undefined) throw new Error('bad key')
  const limits = limitsWith()
  const nonce = randomBytes(32).toString('base64url')
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  socket.once('error', reject)
  socket.once('close', () => reject(new Error(`${user} was refused`)))
  socket.once('connect', () => socket.write(makeFrame(frame.hello, 0, 0, hello(domain, nonce))))
  let isAttached = false
  const reader = new FrameReader(limits.frameBytes, (type, flags, id, buffer, start, end) => {
    if (type === frame.ping && (flags & flag.ack) === 0) {
      socket.write(makeFrame(frame.ping, flag.ack, 0, Buffer.from(buffer.subarray(start, end))))
      return true
    }
    if (isAttached) return onFrame(type, flags, id, buffer, start, end)
    if (type === frame.hello) {
      const theirs = JSON.parse(buffer.toString('utf8', start, end)).nonce as string
      const cb = createHash('sha256')
        .update(`pitp-mitp/1 plain ${nonce} ${theirs}`)
        .digest('base64url')
      const address = parseAddress(`${user}@${domain}`)
      const token = signUserLink(
        address,
        pair,
        { aud: domain, cb },
        { clock: systemClock, random: systemRandom, limits },
      )
      const fields = encodeClientProve(token, Buffer.from(pair.publicKey.x, 'base64url'), undefined)
      socket.write(
        makeFrame(
          frame.request,
          0,
          1,
          requestPayload(commands.prove.number, fields, Buffer.alloc(0)),
        ),
      )
    } else if (type === frame.response && id === 1) {
      const status = buffer.readUInt16BE(start)
      if (status !== 0) reject(new Error(`${user}: status ${status}`))
      isAttached = true
      resolve(undefined)
    }
    return true
  })
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk)
  })
  await promise
  socket.removeAllListeners('close')
  return socket
}
