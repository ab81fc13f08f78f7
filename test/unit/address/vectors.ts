/** Reads `test/vectors/addresses-*.txt`: two columns, escapes as their headers say. */
import { readFileSync } from 'node:fs'

export type Vector = {
  /** As it stands in the file: the title of its test. */
  readonly line: string
  readonly bytes: Buffer
  readonly second: string
}

export function readVectors(name: string): readonly Vector[] {
  const file = readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8')
  return file
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [first = '', second = '', ...more] = line.split('\t')
      if (second === '' || more.length > 0) throw new Error(`not two columns: ${line}`)
      return { line: first, bytes: bytesOf(first), second: bytesOf(second).toString() }
    })
}

function bytesOf(text: string): Buffer {
  const pieces = text.matchAll(/\\u\{([0-9a-f]+)\}|\\x([0-9a-f]{2})|\\(\\)|([^\\]+)/gy)
  let read = 0
  const bytes = Array.from(pieces, ([whole, point, byte, backslash, plain]) => {
    read += whole.length
    if (byte !== undefined) return Buffer.from(byte, 'hex')
    if (point !== undefined) return Buffer.from(String.fromCodePoint(Number.parseInt(point, 16)))
    return Buffer.from(backslash ?? plain ?? '')
  })
  if (read !== text.length) throw new Error(`not an escape: ${text.slice(read)}`)
  return Buffer.concat(bytes)
}
