/** Files that somebody named are read up to a bound: the name may be that of a device, or of a pipe without an end. */
import { createReadStream } from 'node:fs'

/** Far above any configuration, key or list of authorities. */
const mostBytes = 16_777_216
/** The same for a token or a document on standard input, which may be padded with blanks. */
export const mostInputBytes = 1_048_576

/** Rejects with the error of the file system; `EFBIG`: there is more than `most` bytes. */
export async function readBounded(file: string, most = mostBytes): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  // The last byte is one too many.
  for await (const chunk of createReadStream(file, { end: most })) {
    bytes += (chunk as Buffer).length
    chunks.push(chunk as Buffer)
  }
  if (bytes <= most) return Buffer.concat(chunks)
  throw Object.assign(new Error(`${file} has more than ${most} bytes`), { code: 'EFBIG' })
}
