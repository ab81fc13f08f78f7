/**
 * `npm run build`: `src/` becomes `dist/`, which is what the package ships.
 *
 * In:    the sources.
 * Out:   JavaScript and declarations; `dist/main.js` can be started by its name.
 * Fails: exit code 1 with what the compiler says; then there is no `dist/`.
 */
import { spawnSync } from 'node:child_process'
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin/tsc',
)

// A module that is gone from src must not live on in the package.
await rm(dist, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [compiler, '-p', 'test/tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (status === 0) await makeStartable(join(dist, 'main.js'))
else await rm(dist, { recursive: true, force: true })
process.exitCode = status === 0 ? 0 : 1

async function makeStartable(file: string): Promise<undefined> {
  const text = await readFile(file, 'utf8')
  await writeFile(file, `#!/usr/bin/env node\n${text}`)
  await chmod(file, 0o755)
}
