/** `docs/log.md` names every event that the code writes, with its level, and no other. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

const written = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(`${root}src/${file}`, 'utf8'))
  .flatMap((text) => [
    ...text.matchAll(/\blog\s*\.(debug|info|warn|error)\(\s*'([a-z]+\.[a-z-]+)'/g),
  ])
  .map(([, level, event]) => `${event} ${level}`)

test('the page of the log names every event and its level', () => {
  const page = readFileSync(`${root}docs/log.md`, 'utf8')
  const rows = [...page.matchAll(/^\| `([a-z.-]+)` \| (\w+) \|/gm)]
  expect(rows.map(([, event, level]) => `${event} ${level}`).sort()).toEqual(
    [...new Set(written)].sort(),
  )
})
