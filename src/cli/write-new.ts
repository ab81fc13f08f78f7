/** Writing files that must not be there yet: nobody's key is ever overwritten. */
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

export type NewFile = {
  readonly file: string
  readonly text: string
  /** Only the owner may read it. */
  readonly isPrivate: boolean
}

/** Those of `files` that are there already. */
export async function alreadyThere(files: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(
    files.map((file) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    ),
  )
  return files.filter((_, i) => found[i])
}

/** Rejects with the error of the file system; `wx` refuses a file that came meanwhile. */
export async function writeNew(files: readonly NewFile[]): Promise<undefined> {
  for (const { file, text, isPrivate } of files) {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text, { flag: 'wx', mode: isPrivate ? 0o600 : 0o644 })
  }
}
