/** Why the system refuses a file, in a sentence: what it says of it. */

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is no folder',
  EACCES: 'this user may not read it',
  EPERM: 'this system forbids it',
  EISDIR: 'it is a directory',
  EFBIG: 'it is too large',
  ELOOP: 'its links go round in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENXIO: 'nobody is at its other end',
  EIO: 'the device fails',
  EMFILE: 'this process has too many open files',
  ENFILE: 'this system has too many open files',
}

const refusals: Readonly<Record<string, string>> = {
  ...reasons,
  ENOENT: 'there is no such folder',
  EACCES: 'this user may not write there',
  EEXIST: 'it is there already',
  EROFS: 'the file system is for reading alone',
  ENOSPC: 'there is no room left',
  EDQUOT: 'the quota of this user is used up',
}

/** Why `file` cannot be read, for a person. */
export function whyUnreadable(file: string, error: unknown): string {
  const code = codeOf(error) ?? 'it failed'
  return `cannot read ${file}: ${reasons[code] ?? code}`
}

/** Of what the file system refused to write, the reason for a person; `undefined`: the error is of another kind. */
export function whyUnwritable(error: unknown): string | undefined {
  const code = codeOf(error)
  if (code === undefined || !(error instanceof Error) || !('syscall' in error)) return undefined
  if (!acts.has(String(error.syscall))) return undefined
  const where = 'path' in error ? String(error.path) : 'a file'
  return `cannot write ${where}: ${refusals[code] ?? code}`
}

/** Of the system: what is done to files and folders that somebody named. What is only read has words of its own. */
const acts: ReadonlySet<string> = new Set([
  ...['open', 'write', 'mkdir', 'mkdtemp', 'chmod', 'rename', 'unlink', 'rmdir', 'rm', 'scandir'],
  ...['stat', 'lstat', 'access', 'fsync', 'close', 'copyfile', 'link', 'symlink'],
])

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined
