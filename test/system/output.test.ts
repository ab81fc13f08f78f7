/** What a command reads and writes: nothing is lost without a word, and nothing is read without a bound. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { connectClient } from '../../src/client/client.ts'
import { generateKeyPair } from '../../src/credential/ed25519.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { temporaryFolder } from '../support/cli-host.ts'
import { main, type Ran, run, start } from '../support/gatehouse.ts'
import { gateway, set, site } from '../support/sites.ts'

/** As the shell starts it; `$0 $@` is the command. */
const shell = (line: string, words: readonly string[]): Promise<Ran> => {
  const command = ['/bin/sh', '-c', line, process.execPath, main] as const
  return start(words, command).ended
}

/** A machine that is slow shows how far it is before. */
const lastLine = (text: string): string | undefined => text.trimEnd().split('\n').at(-1)

const full = (words: readonly string[]) => shell('exec "$0" "$@" >/dev/full', words)

describe('output that is lost', () => {
  test('ends a command with 73, and a line says why', async () => {
    const folder = await temporaryFolder()
    const init = ['init', 'z.example', '-d', join(folder, 'z'), '--json']
    for (const words of [['--help'], init]) {
      const { code, err } = await full(words)
      expect([code, lastLine(err)]).toEqual([73, 'gatehouse: cannot write the output: ENOSPC'])
    }
  })

  test('a part of it as well', async () => {
    const file = join(await temporaryFolder(), 'out')
    // Blocks of 512 bytes, or of 1024.
    const { code, err } = await shell(`ulimit -f 1; exec "$0" "$@" >"${file}"`, ['--help'])
    expect([code, lastLine(err)]).toEqual([73, 'gatehouse: cannot write the output: EFBIG'])
    expect((await readFile(file)).length).toBeGreaterThan(0)
  })

  test('does not hide why a command failed', async () => {
    const { code, err } = await full(['check-config', '--json', '-c', '/nowhere/gatehouse.yaml'])
    expect(code).toBe(66)
    expect(err).toContain('there is no such file')
  })

  test('is no fault of a command that stays, which takes back what it holds', async () => {
    const one = await site(await temporaryFolder(), 'a.example')
    await gateway(one)
    const words = ['publish', 'open', '--stay', '-u', 'bob', '-c', one.config]
    expect((await full(words)).code).toBe(73)
    const fetched = await run(['fetch', 'bob@a.example', '-u', 'alice', '-c', one.config])
    expect(fetched).toMatchObject({ code: 0, out: 'bob@a.example  closed\n' })
  })

  test('is no fault if its reader has enough', async () => {
    const { code, err } = await shell('{ "$0" "$@"; echo $? >&2; } | true', ['--help'])
    expect([code, err]).toEqual([0, '0\n'])
  })
})

test('standard input that cannot be read is not taken for an empty one', async () => {
  const { code, err } = await shell('exec "$0" "$@" </', ['credential', 'inspect'])
  expect([code, lastLine(err)]).toEqual([
    66,
    'gatehouse: cannot read standard input: it is a directory',
  ])
})

describe('input without an end', () => {
  test('is too large at the bound: a message', async () => {
    const { config } = await site(await temporaryFolder(), 'a.example')
    const words = ['send', 'bob@b.example', '-u', 'alice', '-c', config]
    const { code, err } = await shell('yes | timeout 30 "$0" "$@"', words)
    expect([code, lastLine(err)]).toEqual([
      69,
      'gatehouse: standard input has more than 65536 bytes (limits.messageBytes)',
    ])
  })

  test('is too large at the bound: a token', async () => {
    const { code, err } = await shell('exec "$0" "$@" </dev/zero', ['credential', 'inspect'])
    expect([code, lastLine(err)]).toEqual([
      69,
      'gatehouse: standard input has more than 1048576 bytes',
    ])
  })

  test.for([
    ['the configuration', ['check-config', '-c', '/dev/zero']],
    ['a key', ['keys', 'show', '/dev/zero']],
  ])('is refused as a file: %s', async ([, words]) => {
    const { code, err } = await start(words as string[]).ended
    expect([code, lastLine(err)]).toEqual([66, 'gatehouse: cannot read /dev/zero: it is too large'])
  })
})

describe('the folder that a command starts in', () => {
  const inFolder = (folder: string, line: string) =>
    shell(`cd "${folder}"; ${line} exec "$0" "$@"`, ['check-config', '--json'])

  test('is that where npm was called, since npm runs its scripts in that of the package', async () => {
    const one = await site(await temporaryFolder(), 'a.example')
    const byNpm = `INIT_CWD="${one.folder}" npm_lifecycle_script`
    const { scripts } = JSON.parse(await readFile(join(main, '../../package.json'), 'utf8'))
    const script = await inFolder('/', `${byNpm}="${scripts.gatehouse} check-config"`)
    expect(JSON.parse(script.out)).toMatchObject({ ok: true, file: one.config })
    // The script of something else, that starts us in a folder of its choice.
    const other = await inFolder('/', `${byNpm}="vitest run"`)
    expect(other.err).toContain('/gatehouse.yaml or /etc/gatehouse/gatehouse.yaml')
  })

  test('may be gone', async () => {
    const one = await site(await temporaryFolder(), 'a.example')
    const line = `GATEHOUSE_CONFIG="${one.config}"`
    const { code } = await inFolder(one.folder, `mkdir gone; cd gone; rmdir ../gone; ${line}`)
    expect(code).toBe(0)
  })
})

test('a message is confirmed once it is printed', async () => {
  const one = await site(await temporaryFolder(), 'a.example')
  await set(one.config, { limits: '{confirmMs: 1000}' })
  await gateway(one)
  const words = ['watch', '--messages', '--json', '--user', 'bob', '--config', one.config]
  const watch = start(words)
  await watch.until(() => (watch.err.includes('attached') ? true : undefined))
  watch.child.stdout?.pause()
  const key = generateKeyPair(systemRandom)
  const issue = ['credential', 'issue', 'alice', '--config', one.config]
  const { out: issued } = await run([...issue, '--public-key', key.publicKey.x])
  await using alice = await connectClient({
    user: 'alice@a.example',
    key,
    credential: issued.trim(),
    host: '127.0.0.1',
    port: one.client,
    ca: [await readFile(join(one.folder, 'certificates/development-ca.pem'), 'utf8')],
  })
  const body = 'x'.repeat(60_000)
  const send = (id?: string) => alice.send({ to: 'bob@a.example', body, id, repeat: false })
  const sent = [await send()]
  // What the system takes for a reader that is slow.
  while (sent.at(-1)?.status === 'delivered' && sent.length < 20) sent.push(await send())
  const last = sent.at(-1)
  expect(last?.status).toBe('unknown-outcome')
  watch.child.stdout?.resume()
  await watch.until(() => (watch.lines.length === sent.length ? true : undefined))
  expect((await send(last?.id)).status).toBe('delivered')
  expect(watch.lines.map(({ id }) => id)).toEqual(sent.map(({ id }) => id))
})
