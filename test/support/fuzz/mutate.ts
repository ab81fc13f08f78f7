/**
 * Makes frames that are nearly right: most of them have a right head, so that they get as far as their fields.
 *
 * In:    a valid frame and chance.
 * Out:   the bytes of a frame that is changed in one to three places, or now and then is left as it was.
 */
import type { Random } from '../../../src/lib/random.ts'
import { requestHeadBytes, responseHeadBytes } from '../../../src/wire/registry.ts'
import { frame as encodeFrame, type } from '../script/codec.ts'
import { between, pick } from '../simulator/faults.ts'
import type { Frame } from '../simulator/tap.ts'

export type Mutant = { readonly bytes: Buffer; readonly isMutated: boolean }

/** `nextId`: the id that a request has to have now. */
export function mutate(random: Random, frame: Frame, nextId: number): Mutant {
  const draft: Draft = { ...frame, payload: Buffer.from(frame.payload) }
  if (frame.type === type.request) draft.id = nextId
  const whole = encode(draft)
  for (let left = changes(random); left > 0; left--) change(random, draft)
  // Seldom the bytes of the frame itself.
  const bytes = random.number() < 0.01 ? flipped(random, encode(draft)) : encode(draft)
  return { bytes, isMutated: !bytes.equals(whole) }
}

const encode = ({ type: ofType, flags, id, payload }: Draft): Buffer =>
  encodeFrame(ofType, flags, id, payload)

/** How many places are changed; sometimes none, so that links live on and get somewhere. */
const changes = (random: Random): number =>
  random.number() < 0.25 ? 0 : random.number() < 0.8 ? 1 : between(random, 2, 3)

type Draft = { type: number; flags: number; id: number; payload: Buffer }

function change(random: Random, draft: Draft): undefined {
  const draw = random.number()
  if (draw < 0.86) return changeFields(random, draft)
  if (draw < 0.96) return changeHead(random, draft)
  if (draw < 0.99) return changeBody(random, draft)
  return changeFrame(random, draft)
}

/** One field that is longer, shorter, other, missing, twice there or new. */
function changeFields(random: Random, draft: Draft): undefined {
  const head = draft.type === type.request ? requestHeadBytes : responseHeadBytes
  const isBlock = draft.type === type.request || draft.type === type.response
  if (!isBlock || draft.payload.length < head) return changeBody(random, draft)
  const { payload } = draft
  const bodyAt = Math.min(payload.length, head + payload.readUInt16BE(head - 2))
  const list = fieldsOf(payload.subarray(head, bodyAt))
  const at = between(random, 0, Math.max(0, list.length - 1))
  const [tag, value] = list[at] ?? [0x21, Buffer.alloc(0)]
  const changed = pick(random, [
    () => list.splice(at, 1),
    () => list.splice(at, 1, [tag, flipped(random, value)]),
    () => list.splice(at, 1, [tag, flipped(random, value)]),
    () => list.splice(at, 1, [tag, flipped(random, value)]),
    () => list.splice(at, 1, [tag, random.bytes(value.length)]),
    () => list.splice(at, 1, [tag, value.subarray(0, between(random, 0, value.length))]),
    () => list.splice(at, 1, [tag, Buffer.concat([value, random.bytes(between(random, 1, 40))])]),
    () => list.splice(at, 1, [newTag(random, list), value]),
    () => list.push([newTag(random, list), random.bytes(between(random, 0, 30))]),
    () => list.push([newTag(random, list), Buffer.alloc(between(random, 1, 2100))]),
    () => (random.number() < 0.1 ? list.splice(at, 0, [tag, value]) : undefined),
    () => addUnasked(random, list),
    () => fill(random, list),
  ])
  changed?.()
  if (random.number() < 0.98) list.sort(([a], [b]) => a - b)
  const block = Buffer.concat(list.flatMap(([tag, value]) => [headOf(tag, value.length), value]))
  const start = Buffer.from(payload.subarray(0, head))
  start.writeUInt16BE(Math.min(block.length, 0xffff), head - 2)
  draft.payload = Buffer.concat([start, block, payload.subarray(bodyAt)])
}

/** A field that the next hop writes itself, or one that stands before it. */
function addUnasked(random: Random, list: [tag: number, value: Buffer][]): undefined {
  const tag = pick(random, [0x01, 0x02, 0x03, 0x20, 0x21, 0x21]) ?? 0x21
  if (list.some(([other]) => other === tag)) return
  list.push([
    tag,
    pick(random, [Buffer.from('bob@b.example'), Buffer.alloc(8, 1)]) ?? Buffer.alloc(0),
  ])
}

/** As many fields as a block may hold, or as long ones, or nearly. */
function fill(random: Random, list: [tag: number, value: Buffer][]): undefined {
  const [most, bytes] = [between(random, 22, 32), between(random, 6000, 8192)]
  const length = pick(random, [0, 1, 1500]) ?? 0
  const own = list.reduce((sum, [, value]) => sum + 3 + value.length, 0)
  for (let left = bytes - own; list.length < most && left > length + 3; left -= length + 3) {
    const tag = 2 * between(random, 0x11, 0x7f)
    if (!list.some(([other]) => other === tag)) list.push([tag, random.bytes(length)])
  }
}

/** Mostly one that is not there: a tag that stands twice ends the link. */
function newTag(random: Random, list: readonly (readonly [number, Buffer])[]): number {
  const tag = between(random, 1, 255)
  const isThere = list.some(([other]) => other === tag)
  return isThere && random.number() < 0.9 ? 0xfe : tag
}

function headOf(tag: number, length: number): Buffer {
  const head = Buffer.alloc(3)
  head[0] = tag
  head.writeUInt16BE(length, 1)
  return head
}

function fieldsOf(block: Buffer): [tag: number, value: Buffer][] {
  const list: [number, Buffer][] = []
  for (let at = 0; at + 3 <= block.length; ) {
    const end = at + 3 + block.readUInt16BE(at + 1)
    list.push([block[at] as number, Buffer.from(block.subarray(at + 3, end))])
    at = end
  }
  return list
}

/** Command, hops, reference, status, length of the fields. */
function changeHead(random: Random, draft: Draft): undefined {
  const { payload } = draft
  if (payload.length === 0) return
  // The length of the fields, in the last two bytes, is mostly left alone.
  const most = random.number() < 0.9 ? requestHeadBytes - 3 : requestHeadBytes - 1
  const at = between(random, 0, Math.min(payload.length - 1, most))
  payload[at] = between(random, 0, 255)
}

function changeBody(random: Random, draft: Draft): undefined {
  const draw = random.number()
  const { payload } = draft
  if (draw < 0.5) draft.payload = flipped(random, payload)
  else if (draw < 0.8) draft.payload = payload.subarray(0, between(random, 0, payload.length))
  else draft.payload = Buffer.concat([payload, random.bytes(between(random, 1, 64))])
}

function changeFrame(random: Random, draft: Draft): undefined {
  const draw = random.number()
  if (draw < 0.4) draft.flags = between(random, 0, 255)
  else if (draw < 0.6) draft.type = between(random, 0, 12)
  else draft.id = pick(random, [0, 1, 2, draft.id + 1, draft.id + 2, 0xffffffff, draft.id - 2]) ?? 0
  draft.id = Math.max(0, Math.min(draft.id, 0xffffffff))
}

/** One byte is another one. */
function flipped(random: Random, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) {
    const at = between(random, 0, copy.length - 1)
    copy[at] = (copy[at] as number) ^ (1 << between(random, 0, 7))
  }
  return copy
}
