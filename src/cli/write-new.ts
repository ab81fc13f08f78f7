/** Writing files that must not be there yet: nobody's key is ever overwritten. */
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export type NewFile = {
  readonly file: string
  readonly text: string
  /** Only the owner may read it. */
  readonly isPrivate: boolean
}

/** Those of `files` that are there already. */
export async function alreadyThere(files: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(files.map(isThere))
  return files.filter((_, i) => found[i])
}

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  )

/**
 * The folder and those above it that are not there yet; returns the first that was made. `recursive` of Node tries for ever
 * where the system has none to give, such as in /proc.
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  if (await isThere(folder)) return undefined
  const above = dirname(folder)
  const first = above === folder ? undefined : await makeFolder(above)
  await mkdir(folder, { mode: 0o755 })
  return first ?? folder
}

/**
 * Rejects with the error of the file system; `wx` refuses a file that came meanwhile. Whatever the umask, what is private
 * is the owner's alone, a new folder of private files too, and nobody else may write.
 */
export async function writeNew(files: readonly NewFile[]): Promise<undefined> {
  const open = new Set(files.flatMap(({ file, isPrivate }) => (isPrivate ? [] : [dirname(file)])))
  for (const { file, text, isPrivate } of files) {
    const folder = dirname(file)
    const made = await makeFolder(folder)
    if (made !== undefined && !open.has(folder)) await chmod(folder, 0o700)
    await writeFile(file, text, { flag: 'wx', mode: isPrivate ? 0o600 : 0o644 })
    if (isPrivate) await chmod(file, 0o600)
  }
}
