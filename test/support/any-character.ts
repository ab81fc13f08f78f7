import fc from 'fast-check'

/** Any character but half of a pair. `unit: 'binary'` draws the same, and makes a table of all of them for each string. */
export const anyCharacter = fc
  .nat(0x10_f7ff)
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))
