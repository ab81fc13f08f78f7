/** `Buffer.latin1Slice` is a method of Node that its types leave out; it is the cheapest way from bytes to a key. */
type Sliceable = {
  latin1Slice(start: number, end: number): string
}

/** One character a byte. */
export const latin1 = (buffer: Buffer, start: number, end: number): string =>
  (buffer as unknown as Sliceable).latin1Slice(start, end)
