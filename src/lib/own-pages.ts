/**
 * Memory in pages of its own, which the system has back as soon as it is free. What `malloc` gave it keeps, between what is
 * still used: a burst of long things that wait would stay for good.
 *
 * In:  a length.
 * Out: so many bytes, all 0, of which only those are there that were written. One mapping of the system: for what is long
 *      and has a bound.
 */

/** V8 maps an ArrayBuffer that might be resized, and unmaps it. */
export const ownPages = (bytes: number): Buffer =>
  Buffer.from(new ArrayBuffer(bytes, { maxByteLength: bytes }), 0, bytes)

/** Now, not when garbage is collected, which may be long after a burst; of any other memory nothing is given back. */
export function giveBack({ buffer }: Buffer): undefined {
  if (buffer instanceof ArrayBuffer && buffer.resizable) buffer.resize(0)
}
