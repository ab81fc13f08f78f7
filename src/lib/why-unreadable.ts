/** Why a file cannot be read, in a sentence: what the system says of it. */

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a directory',
  EFBIG: 'it is too large',
}

/** Why `file` cannot be read, for a person. */
export function whyUnreadable(file: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'it failed'
  return `cannot read ${file}: ${reasons[code] ?? code}`
}
