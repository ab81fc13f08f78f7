/** RFC 2779 §2.1.4: a domain makes, renames and removes its users alone; no other domain has to be there, or to be told. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { runCli } from '../support/cli-host.ts'
import { gateway, type Site, set, twoSites } from '../support/sites.ts'

/** How a message of `user`, attached at its own domain, is answered: one to nobody is refused. */
async function answered(site: Site, user: string, to: string): Promise<string> {
  const words = ['send', to, 'Hello', '--json', '--user', user, '--config', site.config]
  const { out, err } = await runCli(words, { clock: systemClock, random: systemRandom })
  if (out === '') throw new Error(err)
  return (JSON.parse(out) as { readonly status: string }).status
}

const users = (...names: readonly string[]) => ({
  directory: `{kind: static, users: {${names.map((name) => `${name}: {}`).join(', ')}}}`,
})

test('a domain makes, renames and removes users while another one is away, which then finds them so', async () => {
  const { a, b } = await twoSites()
  await set(b.config, users('bob'))
  const before = await readFile(b.config, 'utf8')

  // What each list of users makes of carol, and of who she becomes.
  const steps = [
    [users('alice', 'carol'), 'inbox-closed', 'refused'],
    [users('alice', 'caroline'), 'refused', 'inbox-closed'],
  ] as const
  for (const [list, carol, caroline] of steps) {
    await set(a.config, list)
    const one = await gateway(a)
    expect(await answered(a, 'alice', 'carol@a.example')).toBe(carol)
    expect(await answered(a, 'alice', 'caroline@a.example')).toBe(caroline)
    one.signal('SIGTERM')
    await once(one.child, 'exit')
  }

  await Promise.all([gateway(a), gateway(b)])
  expect(await answered(b, 'bob', 'caroline@a.example')).toBe('inbox-closed')
  expect(await answered(b, 'bob', 'carol@a.example')).toBe('refused')
  expect(await answered(a, 'caroline', 'bob@b.example')).toBe('inbox-closed')
  expect(await readFile(b.config, 'utf8')).toBe(before)
})
