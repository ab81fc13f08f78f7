/** A user of a probe: attached to a gateway, sends one request at a time, answers messages, sees notifications. */
import type { Socket } from 'node:net'
import {
  type CommandName,
  classShift,
  commands,
  frame,
  trafficClass,
} from '../../src/wire/registry.ts'
import type { User } from './gateway-site.ts'
import { attach, makeFrame, putU32, requestPayload } from './gateway-user.ts'

const delivered = Buffer.from([0, 1, 0, 0])

export class ProbeUser {
  readonly #socket: Socket
  readonly #waiting: Map<number, (status: number) => void>
  #lastId = 1

  private constructor(socket: Socket, waiting: Map<number, (status: number) => void>) {
    this.#socket = socket
    this.#waiting = waiting
  }

  static async attach(
    port: number,
    user: User,
    domain: string,
    onNotify: (bytes: Buffer) => void,
  ): Promise<ProbeUser> {
    const waiting = new Map<number, (status: number) => void>()
    let socket: Socket | undefined
    socket = await attach(
      port,
      user.name,
      domain,
      user.keyPem,
      (type, _flags, id, buffer, start, end) => {
        if (type === frame.response) {
          waiting.get(id)?.(buffer.readUInt16BE(start))
          waiting.delete(id)
        } else if (type === frame.request) {
          if (buffer[start] === commands.message.number)
            socket?.write(makeFrame(frame.response, 0, id, delivered))
          else onNotify(buffer.subarray(start, end))
        }
        return true
      },
    )
    const credit = Buffer.alloc(9)
    for (const each of Object.values(trafficClass)) {
      credit[0] = each
      putU32(credit, 1, 1_000_000)
      putU32(credit, 5, 1_000_000_000)
      socket.write(makeFrame(frame.credit, 0, 0, Buffer.from(credit)))
    }
    return new ProbeUser(socket, waiting)
  }

  /** Resolves with the number of the status. */
  ask(command: CommandName, fields: Buffer, body: Buffer): Promise<number> {
    const { number, trafficClass: of } = commands[command]
    this.#lastId += 2
    const id = this.#lastId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#socket.write(
        makeFrame(frame.request, of << classShift, id, requestPayload(number, fields, body)),
      )
    })
  }

  close(): undefined {
    this.#socket.destroy()
  }
}
