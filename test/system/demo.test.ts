/** `npm run demo`: the first thing that anybody sees. */
import { readdirSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'
import { isRunning, main, type Process, run, start } from '../support/gatehouse.ts'

const folders = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('gatehouse-demo-'))

/** What the transcript says of its children. */
const pidsIn = (text: string): readonly number[] =>
  [...text.matchAll(/process (\d+)/g)].map(([, pid]) => Number(pid))

test('shows the federation in less than a minute, and leaves nothing behind', async () => {
  const before = folders()
  const started = performance.now()
  const { code, out, err } = await run(['demo', '--once', '--json'])
  expect(err).toContain('refused: credential-')
  expect(err).toMatch(/inbox-closed: .* Found by b\.example/)
  expect(err).toMatch(/remote-unreachable: .* Found by a\.example/)
  expect(err).toMatch(/explain mallory@c\.example --config \S+gatehouse\.yaml/)
  expect(err).toContain('every 2 s at most')
  expect(code).toBe(0)
  expect(performance.now() - started).toBeLessThan(60_000)
  const lines = out.trimEnd().split('\n')
  const figures = JSON.parse(lines.at(-1) ?? '') as Record<string, Record<string, number>>
  expect(figures).toMatchObject({
    // Five and one, and one of the attacker in its own name.
    messages: { delivered: 7 },
    presence: { notified: 3 },
    link: { proof: 'certificate+key' },
  })
  // Alice and bob once towards messages, bob once towards notifications, mallory once.
  expect(figures['credential']?.['verifications']).toBe(4)
  expect(figures['credential']?.['references']).toBeGreaterThan(7)
  const lies = [...err.matchAll(/ refused: [a-z-]+$/gm)].length
  expect(figures['forged']?.['refused']).toBe(lies)
  expect(pidsIn(err)).toHaveLength(2)
  expect(pidsIn(err).filter(isRunning)).toEqual([])
  expect(folders()).toEqual(before)
})

const staying = async (demo: Process): Promise<string> =>
  demo.until(() => (demo.out.includes('Ctrl-C ends the demo') ? demo.out : undefined))

test('stays up for a second terminal, keeps its files if asked, and ends with Ctrl-C', async () => {
  const keep = join(await temporaryFolder(), 'world')
  const demo = start(['demo', '--keep', keep])
  const text = await staying(demo)
  const config = join(keep, 'a.example/gatehouse.yaml')
  expect(text).toContain(`send bob@b.example "Hello from outside" --user carol --config ${config}`)
  const words = ['send', 'bob@b.example', 'Hello from outside', '--user', 'carol']
  expect(await run([...words, '--config', config])).toMatchObject({ code: 0, out: 'delivered\n' })
  await demo.until(() => demo.out.match(/bob hears from carol@a\.example: "Hello from outside"/))
  const commands = [...text.matchAll(/^ +(?:npm run -s )?gatehouse -- (\w+) /gm)].map(
    ([, name]) => name,
  )
  expect(commands.at(-1)).toBe('watch')
  const [, page = ''] = /^ +status page +(http:\S+\/) /m.exec(text) ?? []
  expect((await fetch(page)).status).toBe(200)
  const [, metrics = ''] = /(http:\S+\/metrics)/.exec(text) ?? []
  expect(await (await fetch(metrics)).text()).toMatch(/^gatehouse_messages_total\{/m)
  demo.signal('SIGINT')
  expect((await demo.ended).code).toBe(0)
  expect(pidsIn(text).filter(isRunning)).toEqual([])
  expect(await readdir(keep)).toContain('ca.pem')
})

test('takes its gateways along when it is killed', async () => {
  const demo = start(['demo', '--keep', join(await temporaryFolder(), 'world')])
  const pids = await demo.until(() => {
    const found = pidsIn(demo.out)
    return found.length === 2 ? found : undefined
  })
  expect(pids.filter(isRunning)).toEqual(pids)
  demo.signal('SIGKILL')
  await demo.ended
  await expect.poll(() => pids.filter(isRunning), { timeout: 20_000 }).toEqual([])
})

/** As the shell starts it; `$0 $@` is the command. */
const shell = (line: string, words: readonly string[]) =>
  start(words, ['/bin/sh', '-c', line, process.execPath, main]).ended

describe('leaves no folder behind', () => {
  test.for([
    ['when its reader has enough', '{ "$0" "$@"; echo "=$?" >&2; } | head -3', '=0'],
    ['when nobody can take what it says', '"$0" "$@" >/dev/full; echo "=$?" >&2', '=73'],
    ['when the disk is full', 'ulimit -f 1; "$0" "$@" | cat; true', 'gatehouse: cannot write /'],
  ] as const)('%s, and ends as it should', async ([, line, says]) => {
    const before = folders()
    const { out, err } = await shell(line, ['demo'])
    expect(err).toContain(says)
    expect(pidsIn(out).filter(isRunning)).toEqual([])
    expect(folders()).toEqual(before)
  })

  test.for(['SIGHUP', 'SIGTERM'] as const)('when %s comes before it is ready', async (signal) => {
    const before = folders()
    const demo = start(['demo'])
    await demo.until(() => (demo.out.includes('keys, certificates') ? true : undefined))
    demo.signal(signal)
    expect((await demo.ended).code).toBe(130)
    expect(folders()).toEqual(before)
  })
})

test('does not put its files among those of somebody else', async () => {
  const { code, err } = await run(['demo', '--once', '--keep', import.meta.dirname])
  expect(code).toBe(64)
  expect(err).toContain('expected an empty folder behind --keep')
})
