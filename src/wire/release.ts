/** The payload of RELEASE: why, when a new link is welcome, and the last request that was taken. [LINK-8.2-1] */
import { type Status, statusNumber, statusOf } from '../errors.ts'

export type Release = {
  readonly reason: Status
  readonly retryMs: number
  readonly lastTaken: number
}

export const releaseBytes = 10

export function encodeRelease({ reason, retryMs, lastTaken }: Release): Buffer {
  const payload = Buffer.alloc(releaseBytes)
  payload.writeUInt16BE(statusNumber(reason))
  payload.writeUInt32BE(Math.min(retryMs, 0xffffffff), 2)
  payload.writeUInt32BE(lastTaken, 6)
  return payload
}

/** From `start` on; the caller has seen that there are so many bytes. */
export const readRelease = (buffer: Buffer, start: number): Release => ({
  reason: statusOf(buffer.readUInt16BE(start)) ?? 'internal',
  retryMs: buffer.readUInt32BE(start + 2),
  lastTaken: buffer.readUInt32BE(start + 6),
})
