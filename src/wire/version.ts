/** Version of a presence document: the epoch names the authority's run, the sequence rises within it. [LINK-6.13-4] */
import type { FieldTable } from './fields.ts'
import { fields } from './registry.ts'

export type Version = { readonly epoch: number; readonly seq: number }

export function encodeVersion({ epoch, seq }: Version): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(epoch)
  bytes.writeUInt32BE(seq, 4)
  return bytes
}

export function readVersion(table: FieldTable): Version | undefined {
  const start = table.start(fields.version.tag)
  if (start === 0 || table.length(fields.version.tag) !== 8) return undefined
  return { epoch: table.buffer.readUInt32BE(start), seq: table.buffer.readUInt32BE(start + 4) }
}
