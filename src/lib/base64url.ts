/** Base64url without padding (RFC 4648 §5): one text for one value, so that a text can be a key of a cache. */

export const encodeBase64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')

/**
 * `undefined` unless `text` is exactly what `encodeBase64url` prints.
 * Node's decoder skips padding, blanks, junk and stray trailing bits, so the bytes are encoded again and compared.
 */
export function decodeBase64url(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.toString('base64url') === text ? bytes : undefined
}
