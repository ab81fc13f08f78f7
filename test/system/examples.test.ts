/** The programs in `examples/`, each as a process of its own, at the gateways of two domains. */
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type Client, connectClient } from '../../src/client/client.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { systemRandom as random } from '../../src/lib/random.ts'
import { runCli } from '../support/cli-host.ts'
import { type Process, start } from '../support/gatehouse.ts'
import { gateway, type Site, set, twoSites } from '../support/sites.ts'

async function gatehouse(words: readonly string[]): Promise<string> {
  const { code, out, err } = await runCli(words, { clock, random })
  if (code !== 0) throw new Error(err)
  return out
}

/** Somebody with a key of her own. */
type Person = {
  readonly user: string
  readonly site: Site
  readonly key: string
  readonly x: string
}

async function person(site: Site, user: string): Promise<Person> {
  const key = join(site.folder, `${user}.key`)
  const { publicKey } = JSON.parse(await gatehouse(['keys', 'generate', key, '--json']))
  return { user, site, key, x: publicKey }
}

/** The directory of a domain lists these people and nobody else. */
const lists = (...people: readonly Person[]) => ({
  directory: `{kind: static, users: {${people
    .map(({ user, x }) => `${user.split('@')[0]}: {keys: [${x}]}`)
    .join(', ')}}}`,
})

const caOf = async ({ folder }: Site): Promise<string> => {
  const found = /trustedCertificates: \[(.*)\]/.exec(
    await readFile(join(folder, 'gatehouse.yaml'), 'utf8'),
  )
  return join(folder, found?.[1]?.replaceAll('"', '') ?? '')
}

async function attach({ user, site, key }: Person, port = site.client): Promise<Client> {
  const [pem, ca] = [await readFile(key, 'utf8'), await readFile(await caOf(site), 'utf8')]
  const client = await connectClient({ user, key: pem, host: '127.0.0.1', port, ca: [ca] })
  onTestFinished(() => client.close())
  return client
}

const program = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}.ts`, import.meta.url))

/** An example, as somebody. */
async function run(name: string, { user, site, key }: Person, words: readonly string[]) {
  const who = ['--user', user, '--key', key, '--port', `${site.client}`, '--ca', await caOf(site)]
  return start([...who, ...words], [process.execPath, program(name)])
}

/** The first line that fits. */
const line = (of: Process, fits: RegExp): Promise<string> =>
  of.until(() => of.out.split('\n').find((text) => fits.test(text)))

async function stopped(of: Process): Promise<undefined> {
  of.signal('SIGINT')
  expect(await of.ended).toMatchObject({ code: 0, err: '' })
}

test('echo-bot answers what it is told, and no other bot', async () => {
  const { a, b } = await twoSites()
  const [alice, bot] = [await person(a, 'alice@a.example'), await person(b, 'bot@b.example')]
  await set(a.config, lists(alice))
  await Promise.all([gateway(a), gateway(b)])
  // b.example lists nobody: it vouches for the key of the bot.
  const token = join(b.folder, 'bot.token')
  const vouched = ['credential', 'issue', 'bot', '--key', bot.key, '--config', b.config]
  await writeFile(token, await gatehouse(vouched))
  const echo = await run('echo-bot', bot, ['--credential', token])
  expect(await line(echo, /attached/)).toBe('attached as bot@b.example')

  const client = await attach(alice)
  const heard: string[] = []
  const first = Promise.withResolvers<undefined>()
  client.onMessage(({ body }) => {
    heard.push(body.toString())
    first.resolve(undefined)
  })
  for (const body of ['echo: hello', 'hello']) {
    expect(await client.send({ to: bot.user, body })).toMatchObject({ status: 'delivered' })
  }
  await first.promise
  expect(await line(echo, /said/)).toBe("alice@a.example said 'hello'; answer: delivered")
  expect(heard).toEqual(['echo: hello'])
  await stopped(echo)
})

test('presence-board shows two users to each other, and takes back what it said', async () => {
  const { a, b } = await twoSites()
  const [alice, bob] = [await person(a, 'alice@a.example'), await person(b, 'bob@b.example')]
  await set(a.config, lists(alice))
  await set(b.config, lists(bob))
  await Promise.all([gateway(a), gateway(b)])
  const boards = [
    await run('presence-board', alice, ['--note', 'at work', bob.user]),
    await run('presence-board', bob, ['--note', "it's late", alice.user, 'nobody@a.example']),
  ] as const
  const [ofAlice, ofBob] = boards
  for (const board of boards)
    expect(await line(board, /^published/)).toBe('published: ok, for 3600 s')
  const shown = "alice@a.example: active { board: { basic: 'open', note: 'at work' } }"
  expect(await line(ofBob, /at work/)).toBe(shown)
  expect(await line(ofBob, /nobody.*terminated/)).toBe('nobody@a.example: terminated (rejected)')
  expect(await line(ofAlice, /late/)).toContain(`note: "it's late"`)

  await stopped(ofAlice)
  expect(await line(ofAlice, /^taken/)).toBe('taken back: ok')
  const after = (): string => ofBob.out.slice(ofBob.out.indexOf(shown) + shown.length)
  const closed = /^alice@a\.example: active .*basic: 'closed'/m
  expect(await ofBob.until(() => closed.exec(after())?.[0])).not.toContain('at work')
  await stopped(ofBob)
})

test('send-many tells of each line whether it arrived, and what arrives is in order', async () => {
  const { a, b } = await twoSites()
  const [alice, bob] = [await person(a, 'alice@a.example'), await person(b, 'bob@b.example')]
  await set(a.config, { ...lists(alice), limits: '{laneBurst: 4, lanePerSecond: 5}' })
  await set(b.config, lists(bob))
  await Promise.all([gateway(a), gateway(b)])
  const client = await attach(bob)
  const heard: string[] = []
  client.onMessage(({ body }) => {
    heard.push(body.toString())
  })
  const many = await run('send-many', alice, [bob.user])
  const lines = Array.from({ length: 12 }, (_, i) => `line ${i + 1}`)
  many.child.stdin?.end(lines.join('\n'))
  const { code, out } = await many.ended

  const told = [...out.matchAll(/^(\d+) ([a-z-]+)(.*)$/gm)]
  expect(told.map(([, number]) => Number(number)).sort((x, y) => x - y)).toEqual(
    lines.map((_, i) => i + 1),
  )
  const delivered = told.filter(([, , status]) => status === 'delivered')
  expect(heard).toEqual(delivered.map(([, number]) => `line ${number}`))
  const failed = told.filter(([, , status]) => status !== 'delivered')
  expect(failed.length).toBeGreaterThan(0)
  for (const [, , status, rest] of failed) {
    expect(`${status}${rest}`).toMatch(/^rate-limited, told by a\.example; again in \d+ ms$/)
  }
  const sum = `delivered: ${delivered.length}, rate-limited: ${failed.length}`
  expect(out).toContain(`of 12: ${sum}\n`)
  expect(code).toBe(1)
})

test('http-directory lets in whom its service knows, and says busy while it cannot say', async () => {
  const { a, b } = await twoSites()
  const [alice, bob] = [await person(a, 'alice@a.example'), await person(b, 'bob@b.example')]
  await set(b.config, lists(bob))
  let isUp = true
  const service = createServer(({ url = '' }, response) => {
    const user = new URL(url, 'http://service').searchParams.get('user')
    response.statusCode = !isUp ? 500 : user === 'alice' ? 200 : 404
    response.end(JSON.stringify({ keys: [alice.x] }))
  })
  service.listen(0, '127.0.0.1')
  await once(service, 'listening')
  onTestFinished(() => {
    service.close()
  })
  const { port } = service.address() as AddressInfo
  await gateway(b)
  const words = [a.config, `http://127.0.0.1:${port}/users?from=gatehouse`]
  const running = start(words, [process.execPath, program('http-directory')])
  await line(running, /^a\.example/)

  const client = await attach(alice)
  await expect(attach({ ...bob, user: 'bob@a.example', site: a })).rejects.toMatchObject({
    code: 'credential-key',
  })
  client.onMessage(() => undefined)
  const sender = await attach(bob)
  const answerTo = async (to: string) => (await sender.send({ to, body: 'hello' })).status
  expect(await answerTo('alice@a.example')).toBe('delivered')
  expect(await answerTo('carol@a.example')).toBe('refused')
  isUp = false
  expect(await answerTo('dave@a.example')).toBe('busy')
  await stopped(running)
})
