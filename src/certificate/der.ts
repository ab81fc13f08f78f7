/**
 * Link: the few steps into a certificate that Node does not offer: its extensions, as bytes.
 *
 * In:    DER.
 * Out:   elements as windows on the bytes; the value of an extension.
 * Fails: never throws; what breaks the encoding is `undefined`, and then nothing in it counts.
 * Spec:  X.690 §8.1, §10.1 (definite lengths), RFC 5280 §4.1
 */
export type Element = {
  readonly tag: number
  readonly value: Buffer
}

export const tag = { sequence: 0x30, oid: 0x06, octets: 0x04, ia5String: 0x16 } as const

/** The elements that fill `bytes` exactly, one behind the other. */
export function elements(bytes: Buffer): readonly Element[] | undefined {
  const found: Element[] = []
  let at = 0
  while (at < bytes.length) {
    // Tags over 30 take more bytes; no certificate needs one.
    if ((bytes[at] as number) % 0x20 === 0x1f) return undefined
    const length = lengthAt(bytes, at + 1)
    if (length === undefined || length.end > bytes.length) return undefined
    found.push({ tag: bytes[at] as number, value: bytes.subarray(length.start, length.end) })
    at = length.end
  }
  return found
}

/** The elements inside the one element that `bytes` holds. */
export function inside(bytes: Buffer, wanted: number): readonly Element[] | undefined {
  const [only, ...rest] = elements(bytes) ?? []
  return only?.tag === wanted && rest.length === 0 ? elements(only.value) : undefined
}

/**
 * The value of the extension with this object identifier (its encoded value, hexadecimal) in a certificate.
 * An extension that stands twice is none (RFC 5280 §4.2).
 */
export function extension(certificate: Buffer, oid: string): Buffer | undefined {
  const matching = extensions(certificate).filter(([id]) => id?.value.toString('hex') === oid)
  const last = matching.length === 1 ? matching[0]?.at(-1) : undefined
  return last?.tag === tag.octets ? last.value : undefined
}

/** Whether the certificate has this extension, well made or not. */
export const hasExtension = (certificate: Buffer, oid: string): boolean =>
  extensions(certificate).some(([id]) => id?.value.toString('hex') === oid)

/** [3] EXPLICIT in TBSCertificate, which is the first part of a certificate. */
const extensionsTag = 0xa3

function extensions(certificate: Buffer): readonly (readonly Element[])[] {
  const body = inside(certificate, tag.sequence)?.[0]
  const wrapped = elements(body?.value ?? Buffer.alloc(0))?.find(({ tag }) => tag === extensionsTag)
  const all = wrapped === undefined ? undefined : inside(wrapped.value, tag.sequence)
  return (all ?? []).map(({ value }) => elements(value) ?? [])
}

/** Where a value begins and ends whose length is encoded at `at`; at most 2^24 - 1 bytes. */
function lengthAt(
  bytes: Buffer,
  at: number,
): { readonly start: number; readonly end: number } | undefined {
  const first = bytes[at]
  if (first === undefined) return undefined
  if (first < 0x80) return { start: at + 1, end: at + 1 + first }
  const count = first - 0x80
  if (count === 0 || count > 3 || at + 1 + count > bytes.length) return undefined
  const start = at + 1 + count
  return { start, end: start + bytes.readUIntBE(at + 1, count) }
}
