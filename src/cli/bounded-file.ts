/**
 * Files that somebody named are read up to a bound: the name may be that of a device, or of a pipe without an end.
 *
 * `open(2)` of a pipe waits for a writer, in a thread that the end of the process would wait for: with `O_NONBLOCK` it does
 * not, and the loop of events waits instead.
 */
import { constants, createReadStream, fstatSync, open } from 'node:fs'
import { Socket } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { promisify } from 'node:util'

/** Far above any configuration, key or list of authorities. */
const mostBytes = 16_777_216
/** The same for a token or a document on standard input, which may be padded with blanks. */
export const mostInputBytes = 1_048_576

/** Rejects with the error of the file system; `EFBIG`: there is more than `mostBytes`; `ABORT_ERR`: once `signal` says so. */
export async function readBounded(file: string, signal?: AbortSignal): Promise<Buffer> {
  // Not in the loop of events: a file system that does not answer would hold up everything.
  const fd = await promisify(open)(file, constants.O_RDONLY | constants.O_NONBLOCK)
  const stream = fstatSync(fd).isFIFO()
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream(file, { fd })
  if (signal !== undefined) addAbortSignal(signal, stream)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length
    if (bytes > mostBytes) throw Object.assign(new Error(`${file} has too many bytes`), tooBig)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

const tooBig = { code: 'EFBIG' }
