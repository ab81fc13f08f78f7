/** `Buffer.latin1Slice` is a method of Node that its types leave out; it is the cheapest way from bytes to a key. */
type Sliceable = {
  latin1Slice(start: number, end: number): string
  latin1Write(text: string, at: number): number
}

/** One character a byte. */
export const latin1 = (buffer: Buffer, start: number, end: number): string =>
  (buffer as unknown as Sliceable).latin1Slice(start, end)

/** Writes one byte a character and returns how many. */
export const writeLatin1 = (buffer: Buffer, text: string, at: number): number =>
  (buffer as unknown as Sliceable).latin1Write(text, at)
