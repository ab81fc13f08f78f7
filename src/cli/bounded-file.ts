/**
 * Files that somebody named are read up to a bound: the name may be that of a device, or of a pipe without an end.
 *
 * `open(2)` of a pipe waits for a writer, in a thread that the end of the process would wait for: with `O_NONBLOCK` it does
 * not, and the loop of events waits instead.
 */
import { constants, createReadStream, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'

/** Far above any configuration, key or list of authorities. */
const mostBytes = 16_777_216
/** The same for a token or a document on standard input, which may be padded with blanks. */
export const mostInputBytes = 1_048_576

/** Rejects with the error of the file system; `EFBIG`: there is more than `most` bytes. */
export async function readBounded(file: string, most = mostBytes): Promise<Buffer> {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  const stream = fstatSync(fd).isFIFO()
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream(file, { fd })
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length
    if (bytes > most) throw Object.assign(new Error(`${file} has more than ${most} bytes`), tooBig)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

const tooBig = { code: 'EFBIG' }
