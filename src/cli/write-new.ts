/** Writing files that must not be there yet: nobody's key is ever overwritten. */
import { chmod, mkdir, open as openFile, rmdir, stat, unlink } from 'node:fs/promises'
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

/** What was made so far, in order: a file can be removed, and a folder that nothing else was put into. */
type Made = { readonly path: string; readonly isFolder: boolean }[]

/**
 * The folder and those above it that are not there yet. `recursive` of Node tries for ever where the system has none to
 * give, such as in /proc.
 */
export async function makeFolder(folder: string, made: Made = []): Promise<boolean> {
  if (await isThere(folder)) return false
  const above = dirname(folder)
  if (above !== folder) await makeFolder(above, made)
  await mkdir(folder, { mode: 0o755 })
  made.push({ path: folder, isFolder: true })
  return true
}

/**
 * All of them or none. Rejects with the error of the file system; `wx` refuses a file that came meanwhile. Whatever the
 * umask, what is private is the owner's alone, a new folder of private files too, and nobody else may write.
 */
export async function writeNew(files: readonly NewFile[]): Promise<undefined> {
  const open = new Set(files.flatMap(({ file, isPrivate }) => (isPrivate ? [] : [dirname(file)])))
  const made: Made = []
  try {
    for (const one of files) {
      const folder = dirname(one.file)
      const isNew = await makeFolder(folder, made)
      if (isNew && !open.has(folder)) await chmod(folder, 0o700)
      await writeOne(one, made)
    }
  } catch (error) {
    // Half of it would be in the way of the next attempt, and keys would lie about.
    for (const { path, isFolder } of made.toReversed()) {
      await (isFolder ? rmdir(path) : unlink(path)).catch(() => undefined)
    }
    throw error
  }
}

async function writeOne({ file, text, isPrivate }: NewFile, made: Made): Promise<undefined> {
  const handle = await openFile(file, 'wx', isPrivate ? 0o600 : 0o644)
  made.push({ path: file, isFolder: false })
  try {
    await handle.writeFile(text)
    if (isPrivate) await handle.chmod(0o600)
  } catch (error) {
    // The system does not say of which file a write failed.
    throw Object.assign(error as Error, { path: file })
  } finally {
    await handle.close()
  }
}
