/**
 * What a far side that keeps to the page would end its link for, in the frames that a gateway wrote.
 *
 * Written from the page, and shares no line with `src/`.
 */
import * as wire from '../script/codec.ts'

const { type, tag } = wire

/** `granted`: the answer credit of a request of the reader; without it one frame. */
export function faultsIn(
  frames: readonly wire.Frame[],
  granted: (id: number) => number,
): readonly string[] {
  return frames.flatMap((frame) => {
    const name = `type ${frame.type} id ${frame.id}`
    return [...faultsOf(frame, granted)].map((fault) => `${name}: ${fault}`)
  })
}

function* faultsOf(
  { type: kind, flags, id, payload }: wire.Frame,
  granted: (id: number) => number,
) {
  if (payload.length > 16_384) yield `a payload of ${payload.length}`
  if (kind !== type.request && kind !== type.response) return
  const head = kind === type.request ? 8 : 4
  const bodyAt = head + payload.readUInt16BE(head - 2)
  if (bodyAt > payload.length) yield 'fields over the end'
  const block = payload.subarray(head, bodyAt)
  if (block.length > 8192) yield `${block.length} bytes of fields`
  yield* faultsOfBlock(block)
  const bodyLength = (flags & wire.more) === 0 ? 0 : wordIn(block, tag.bodyLength)
  if (kind === type.response && bodyLength > granted(id)) yield `an answer of ${bodyLength} bytes`
}

function* faultsOfBlock(block: Buffer) {
  let last = 0
  let count = 0
  for (let at = 0; at < block.length; count++) {
    const tag = block[at] as number
    const length = block.readUInt16BE(at + 1)
    if (tag <= last) yield `tag ${tag} behind ${last}`
    if (length > 2048) yield `a value of ${length}`
    last = tag
    at += 3 + length
  }
  if (count > 32) yield `${count} fields`
}

const wordIn = (block: Buffer, tag: number): number =>
  wire.readFields(block).get(tag)?.readUInt32BE() ?? 0
