/**
 * Resolve: looks over the bytes of a DNS message before the codec reads them. Pure.
 *
 * In:    a query and the bytes of a datagram, or of a message from a stream.
 * Out:   whether they answer the query; whether every count, name and length in them is sound.
 * Fails: never; what is not sound is a `fault`. Time is bounded by the length of the message.
 * Spec:  RFC 1035 §4.1, RFC 5452 §9.1 (what an answer must match).
 *
 * The codec follows pointers wherever they lead, trusts counts, and turns a label that holds a dot
 * into two labels: another name. All three are settled here.
 */
export type Survey =
  | { readonly fault: string }
  /** Places in the answer section whose SRV target is another name once it is written as text: with what is odd escaped. */
  | { readonly unusable: ReadonlyMap<number, string> }

/** Enough for 150 SRV records with their addresses; a legitimate answer is far smaller. */
export const longestMessageBytes = 16_384
const headerBytes = 12
const mostRecords = 256
const mostPointers = 16
const longestName = 255

const types = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, AAAA: 28, SRV: 33, RRSIG: 46 }

type Layout = { readonly before: number; readonly names: number; readonly after: number | 'any' }

/** Data that holds names: the bytes before them, how many, and the bytes after them. */
const layouts: ReadonlyMap<number, Layout> = new Map([
  [types.A, { before: 4, names: 0, after: 0 }],
  [types.AAAA, { before: 16, names: 0, after: 0 }],
  [types.NS, { before: 0, names: 1, after: 0 }],
  [types.CNAME, { before: 0, names: 1, after: 0 }],
  [types.PTR, { before: 0, names: 1, after: 0 }],
  [types.SOA, { before: 0, names: 2, after: 20 }],
  [types.MX, { before: 2, names: 1, after: 0 }],
  [types.SRV, { before: 6, names: 1, after: 0 }],
  [types.RRSIG, { before: 18, names: 1, after: 'any' }],
])

/** Same id and question, a response, an ordinary query. Everything else is a stray. */
export function isAnswerTo(query: Buffer, bytes: Buffer): boolean {
  if (bytes.length < headerBytes) return false
  if (bytes.readUInt16BE(0) !== query.readUInt16BE(0)) return false
  const flags = bytes.readUInt16BE(2)
  if ((flags & 0xf800) !== 0x8000) return false
  const questions = bytes.readUInt16BE(4)
  if (questions === 0) return bytes.length === headerBytes && (flags & 0x0f) === 1
  return questions === 1 && sameQuestion(query, bytes)
}

/** The question stands first, so it cannot be compressed: bytes against bytes, letters of either case. */
function sameQuestion(query: Buffer, bytes: Buffer): boolean {
  const name = readName(query, headerBytes)
  if (name === undefined || bytes.length < name.end + 4) return false
  if (query.readUInt32BE(name.end) !== bytes.readUInt32BE(name.end)) return false
  const asked = query.subarray(headerBytes, name.end)
  const given = bytes.subarray(headerBytes, name.end)
  return asked.equals(given) || lowerCase(asked) === lowerCase(given)
}

const lowerCase = (name: Buffer): string => name.toString('latin1').toLowerCase()

export function survey(bytes: Buffer): Survey {
  if (bytes.length < headerBytes || bytes.length > longestMessageBytes) return { fault: 'length' }
  const answers = bytes.readUInt16BE(6)
  const records = answers + bytes.readUInt16BE(8) + bytes.readUInt16BE(10)
  // A question is at least 5 bytes, a record at least 11: counts that cannot be true are not counted down.
  if (records > mostRecords || headerBytes + 5 + 11 * records > bytes.length) {
    return { fault: 'counts' }
  }
  const question = readName(bytes, headerBytes)
  if (question === undefined) return { fault: 'question' }
  let at = question.end + 4
  const unusable = new Map<number, string>()
  for (let i = 0; i < records; i++) {
    const record = readRecord(bytes, at)
    if (typeof record === 'string') return { fault: record }
    if (record.odd !== undefined && i < answers) unusable.set(i, record.odd)
    at = record.end
  }
  return at === bytes.length ? { unusable } : { fault: 'bytes after the last record' }
}

/** Where the record ends, and its target if that is odd; or what is wrong with it. */
function readRecord(
  bytes: Buffer,
  start: number,
): string | { readonly end: number; readonly odd: string | undefined } {
  const owner = readName(bytes, start)
  if (owner === undefined || owner.end + 10 > bytes.length) return 'owner'
  // An owner with a dot inside a label would read as another name, perhaps the one that was asked for.
  if (owner.isOdd) return 'owner label'
  const type = bytes.readUInt16BE(owner.end)
  const data = owner.end + 10
  const end = data + bytes.readUInt16BE(owner.end + 8)
  if (end > bytes.length) return 'data length'
  const layout = layouts.get(type)
  if (layout === undefined) return { end, odd: undefined }
  let at = data + layout.before
  let isOdd = false
  for (let i = 0; i < layout.names; i++) {
    const name = readName(bytes, at)
    if (name === undefined) return 'name in data'
    at = name.end
    isOdd ||= name.isOdd
  }
  const isExact = layout.after === 'any' ? at <= end : at + layout.after === end
  if (!isExact) return 'data'
  if (isOdd && type === types.CNAME) return 'alias label'
  return {
    end,
    odd: isOdd && type === types.SRV ? nameText(bytes, data + layout.before) : undefined,
  }
}

type Name = { readonly end: number; readonly isOdd: boolean }

/** Where the name at `start` ends, in place; `undefined` if it is not one. Each pointer leads further back. */
function readName(bytes: Buffer, start: number): Name | undefined {
  let at = start
  let end: number | undefined
  let floor = start
  let pointers = 0
  let octets = 1
  let isOdd = false
  for (;;) {
    const length = bytes[at]
    if (length === undefined) return undefined
    if (length === 0) return { end: end ?? at + 1, isOdd }
    if (length >= 0xc0) {
      const low = bytes[at + 1]
      if (low === undefined || ++pointers > mostPointers) return undefined
      end ??= at + 2
      at = ((length & 0x3f) << 8) | low
      if (at >= floor || at < headerBytes) return undefined
      floor = at
      continue
    }
    octets += length + 1
    if (length > 63 || octets > longestName || at + length >= bytes.length) return undefined
    isOdd ||= hasOddByte(bytes, at + 1, at + 1 + length)
    at += length + 1
  }
}

/** RFC 1035 §5.1: `\.` for a dot inside a label, `\DDD` for what is not printable. Of a name that was read. */
function nameText(bytes: Buffer, start: number): string {
  const labels: string[] = []
  let at = start
  for (;;) {
    const length = bytes[at] ?? 0
    if (length === 0) return labels.join('.')
    if (length >= 0xc0) {
      at = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0)
      continue
    }
    labels.push([...bytes.subarray(at + 1, at + 1 + length)].map(escaped).join(''))
    at += length + 1
  }
}

function escaped(byte: number): string {
  if (byte < 0x21 || byte > 0x7e) return `\\${String(byte).padStart(3, '0')}`
  const letter = String.fromCharCode(byte)
  return isEscape(byte) ? `\\${letter}` : letter
}

/** `.` and `\`, which mean something in the text form of a name. */
const isEscape = (byte: number): boolean => byte === 0x2e || byte === 0x5c

/** A byte that has to be escaped. */
function hasOddByte(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i] ?? 0
    if (byte < 0x21 || byte > 0x7e || isEscape(byte)) return true
  }
  return false
}
