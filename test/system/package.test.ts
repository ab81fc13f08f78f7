/** What `npm pack` makes, installed as somebody else would install it. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'

const root = resolve(import.meta.dirname, '../..')

function done(program: string, words: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, words, { cwd, encoding: 'utf8' })
  expect(stderr).not.toMatch(/^npm error/m)
  expect({ program, words, status, stderr: status === 0 ? '' : stderr }).toMatchObject({
    status: 0,
  })
  return stdout
}

test('the installed program starts by its name', { timeout: 300_000 }, async () => {
  const folder = await temporaryFolder()
  done('npm', ['pack', '--silent', '--pack-destination', folder], root)
  const [tarball = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  const install = ['install', '--global', '--prefix', folder, '--no-audit', '--no-fund']
  done('npm', [...install, '--prefer-offline', join(folder, tarball)], folder)
  const gatehouse = join(folder, 'bin/gatehouse')
  expect(done(gatehouse, ['--help'], folder)).toContain('Usage: gatehouse')
  expect(done(gatehouse, ['init', 'a.example', '-d', 'site'], folder)).toContain(
    '  gatehouse run --config',
  )
  const config = join(folder, 'site/gatehouse.yaml')
  expect(done(gatehouse, ['check-config', config], folder)).toContain('is right')
})
