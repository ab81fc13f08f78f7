/** The program as operators and users start it: from `init` to a message between two gateways, and every bad start. */
import { once } from 'node:events'
import { chmod, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectClient } from '../../src/client/client.ts'
import { createDevelopmentCa, createLeaf } from '../../src/config/certificates.ts'
import { generateKeyPair } from '../../src/credential/ed25519.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { runCli, temporaryFolder } from '../support/cli-host.ts'
import { isRunning, main, run, start } from '../support/gatehouse.ts'
import { gateway, type Site, set, site, twoSites } from '../support/sites.ts'

const as = (user: string, { config }: Site) => ['--user', user, '--config', config]

describe('two gateways', () => {
  test('carry messages and presence between users of the command line', async () => {
    const { a, b } = await twoSites()
    for (const { config } of [a, b]) expect((await run(['check-config', config])).code).toBe(0)
    await Promise.all([gateway(a), gateway(b)])

    const watching = ['watch', '--messages', '--count', '2', '--json', ...as('bob', b)]
    const bob = start(watching)
    await bob.until(() => (bob.err.includes('attached as bob@b.example') ? true : undefined))
    const first = await run(['send', 'bob@b.example', 'Hello', '--json', ...as('alice', a)])
    expect(first.code).toBe(0)
    expect(JSON.parse(first.out)).toMatchObject({ to: 'bob@b.example', status: 'delivered' })
    const second = await run(['send', 'im:bob@b.example', ...as('alice', a)], 'From a pipe')
    expect(second).toMatchObject({ code: 0, out: 'delivered\n' })
    expect((await bob.ended).code).toBe(0)
    expect(bob.lines).toMatchObject([
      { from: 'alice@a.example', body: 'Hello' },
      { from: 'alice@a.example', body: 'From a pipe' },
    ])

    const published = await run(['publish', 'open', '--note', 'here', ...as('bob', b)])
    const [, tag = ''] = /^ok, for \d+ s, entity-tag ([0-9a-f]{32})\n$/.exec(published.out) ?? []
    expect(published.code).toBe(0)
    const fetched = await run(['fetch', 'bob@b.example', '--json', ...as('alice', a)])
    expect(fetched.code).toBe(0)
    const { tuples } = JSON.parse(fetched.out) as { tuples: Record<string, object> }
    expect(Object.values(tuples)).toEqual([{ basic: 'open', note: 'here' }])
    const watched = await run(['watch', 'bob@b.example', '--count', '1', ...as('alice', a)])
    expect(watched).toMatchObject({ code: 0, out: 'bob@b.example  open "here"\n' })
    const back = await run(['publish', 'none', '--replaces', tag, ...as('bob', b)])
    expect(back).toMatchObject({ code: 0, out: 'ok\n' })
    const after = await run(['fetch', 'bob@b.example', '--json', ...as('alice', a)])
    expect((JSON.parse(after.out) as { tuples: object }).tuples).toEqual({
      default: { basic: 'closed' },
    })
  })

  test('believe a publication that is to stay for five minutes at a time: its process may be killed', async () => {
    const { a } = await twoSites()
    await gateway(a)
    const staying = start(['publish', 'open', '--stay', '--json', ...as('alice', a)])
    expect(await staying.line(({ status }) => status === 'ok')).toMatchObject({ leaseSeconds: 300 })
    staying.signal('SIGTERM')
    expect((await staying.ended).code).toBe(0)
    const once = await run(['publish', 'open', '--json', ...as('alice', a)])
    expect(JSON.parse(once.out)).toMatchObject({ leaseSeconds: 3600 })
  })

  test('keep no subscription of a watch that was stopped', async () => {
    const { a, b } = await twoSites()
    await Promise.all([gateway(a), gateway(b)])
    /** Waits for it: numbers are made once a second at most. */
    const expectLeases = (site: Site, of: string, count: string): Promise<void> =>
      expect.poll(() => leases(site, of), { timeout: 5000 }).toBe(count)
    const leases = async ({ admin }: Site, of: string) => {
      const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
      return new RegExp(`^gatehouse_presence_leases\\{of="${of}"\\} (\\d+)$`, 'm').exec(
        metrics,
      )?.[1]
    }
    for (const [signal, who, home, of] of [
      ['SIGTERM', 'carol', b, 'subscription'],
      ['SIGINT', 'alice', a, 'interest'],
    ] as const) {
      const watch = start(['watch', 'bob@b.example', ...as(who, home)])
      await watch.until(() => (watch.out.includes('closed') ? true : undefined))
      await expectLeases(home, of, '1')
      watch.signal(signal)
      expect((await watch.ended).code).toBe(0)
      await expectLeases(home, of, '0')
    }
  })

  test('do not hold a watch that is stopped when they are silent', async () => {
    const { a } = await twoSites()
    const one = await gateway(a)
    const watch = start(['watch', 'carol@a.example', ...as('alice', a)])
    await watch.until(() => (watch.out.includes('closed') ? true : undefined))
    one.signal('SIGSTOP')
    const before = performance.now()
    watch.signal('SIGTERM')
    expect((await watch.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(10_000)
  })

  test('let a message that is under way be answered when one of them is stopped', async () => {
    const { a, b } = await twoSites()
    const [one, other] = await Promise.all([gateway(a), gateway(b)])
    const asked = Promise.withResolvers<void>()
    const release = Promise.withResolvers<void>()
    const key = generateKeyPair(systemRandom)
    const issued = await run([
      ...['credential', 'issue', 'bob', '--config', b.config],
      ...['--public-key', key.publicKey.x],
    ])
    await using _bob = await connectClient({
      user: 'bob@b.example',
      key,
      credential: issued.out.trim(),
      host: '127.0.0.1',
      port: b.client,
      ca: [await readFile(join(b.folder, 'certificates/development-ca.pem'), 'utf8')],
      onMessage: async () => {
        asked.resolve()
        await release.promise
      },
    })
    const sending = start(['send', 'bob@b.example', 'last words', ...as('alice', a)])
    await asked.promise
    one.signal('SIGTERM')
    await one.line(({ event }) => event === 'gateway.draining')
    const late = await run(['send', 'bob@b.example', 'too late', ...as('carol', a)])
    expect(late.code).toBe(75)
    expect(one.child.exitCode).toBe(null)
    release.resolve()
    expect(await sending.ended).toMatchObject({ code: 0, out: 'delivered\n' })
    expect((await one.ended).code).toBe(0)
    other.signal('SIGINT')
    expect((await other.ended).code).toBe(0)
  })

  test('end with 0 on SIGTERM when nothing is under way, and at once', async () => {
    const { a } = await twoSites()
    const one = await gateway(a)
    const before = performance.now()
    one.signal('SIGTERM')
    expect((await one.ended).code).toBe(0)
    expect(performance.now() - before).toBeLessThan(10_000)
    expect(one.lines.map(({ event }) => event)).toEqual([
      'gateway.started',
      'gateway.draining',
      'gateway.stopped',
    ])
  })

  test('take no more links than the system gives them files, with a reserve', async () => {
    const { a } = await twoSites()
    const shell = ['/bin/sh', '-c', 'ulimit -n 256 && exec "$0" "$@"'] as const
    const one = start(['run', '--config', a.config], [...shell, process.execPath, main])
    const lowered = await one.line(
      ({ event, limit }) => event === 'limits.lowered' && limit === 'links',
    )
    expect(lowered).toMatchObject({ from: 4096, to: 74, openFiles: 256 })
    await one.line(({ event }) => event === 'gateway.started')
  })

  test('end when the process that started them is gone, if they were told to', async () => {
    const { a } = await twoSites()
    const one = await gateway(a, ['--exit-with-parent'])
    one.child.stdin?.destroy()
    expect((await one.ended).code).toBe(0)
    expect(isRunning(one.pid)).toBe(false)
  })
})

describe('what cannot be reached', () => {
  test('ends with 75 where it may be there later', async () => {
    const { a } = await twoSites()
    const nobody = await run(['send', 'bob@b.example', 'x', ...as('alice', a)])
    expect(nobody.code).toBe(75)
    expect(nobody.err).toMatch(
      `cannot attach as alice@a.example at 127.0.0.1:${a.client}: connection refused: is the gateway running?`,
    )
    await gateway(a)
    const unknown = await run(['send', 'bob@b.example', 'x', '--json', ...as('alice', a)])
    expect(unknown.code).toBe(75)
    expect(JSON.parse(unknown.out)).toMatchObject({ status: 'remote-unreachable' })
  })

  test('ends with 69 where the answer is no', async () => {
    const { a, b } = await twoSites()
    await set(b.config, { directory: '{kind: static, users: {bob: {}}}' })
    await Promise.all([gateway(a), gateway(b)])
    const refused = await run(['send', 'nobody@b.example', 'x', '--json', ...as('alice', a)])
    expect(refused.code).toBe(69)
    expect(JSON.parse(refused.out)).toMatchObject({ status: 'refused', reporter: 'b.example' })
    const watched = await run(['watch', 'nobody@b.example', ...as('alice', a)])
    expect(watched).toMatchObject({ code: 69, out: 'nobody@b.example  terminated (rejected)\n' })
    const noUser = await run(['fetch', 'bob@b.example', ...as('mallory', b)])
    expect(noUser.code).toBe(69)
  })
})

describe('a client that is to attach', () => {
  const inFolder = (folder: string, words: readonly string[]) =>
    runCli(words, { folder, clock: systemClock, random: systemRandom })

  test('is told when it takes the port for gateways, or none at all', async () => {
    const { a } = await twoSites()
    await gateway(a)
    const at = (port: number) =>
      inFolder(a.folder, [
        'fetch',
        'alice@a.example',
        '-u',
        'alice',
        '--gateway',
        `127.0.0.1:${port}`,
      ])
    const peer = await at(a.peer)
    expect(peer.code).toBe(69)
    expect(peer.err).toContain('it may be the port for other gateways')
    expect((await at(a.admin)).err).toContain('is it the right port?')
    expect(await at(a.client)).toMatchObject({ code: 0, out: 'alice@a.example  closed\n' })
  })

  test('takes what was not named from the file in the folder, if it is of its domain', async () => {
    const { a, b } = await twoSites()
    await gateway(a)
    const words = ['fetch', 'alice@a.example', '--gateway', `127.0.0.1:${a.client}`, '--user']
    expect((await inFolder(a.folder, [...words, 'alice@a.example'])).code).toBe(0)
    const other = await inFolder(b.folder, [...words, 'alice@a.example'])
    expect(other.code).toBe(64)
    expect(other.err).toContain('expected --key')
  })

  test('does not stumble over a file that it does not need', async () => {
    const { a } = await twoSites()
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'gatehouse.yaml'), 'domains: 7\n')
    const key = join(folder, 'alice.pem')
    await inFolder(folder, ['keys', 'generate', key])
    const words = ['fetch', 'alice@a.example', '--gateway', `127.0.0.1:${a.client}`, '--user']
    const whole = await inFolder(folder, [...words, 'alice@a.example', '--key', key])
    expect(whole).toMatchObject({
      code: 75,
      err: expect.stringContaining('is the gateway running?'),
    })
    const half = await inFolder(folder, [...words, 'alice@a.example'])
    expect(half.code).toBe(78)
  })
})

describe('--wait', () => {
  const taking = async (words: readonly string[]) => {
    const before = performance.now()
    const ran = await run(words)
    return { ...ran, tookMs: performance.now() - before }
  }

  test('is kept to where the far gateway is silent, and the id to repeat with is told', async () => {
    const { a, b } = await twoSites()
    const [, far] = await Promise.all([gateway(a), gateway(b)])
    await run(['send', 'bob@b.example', 'x', ...as('alice', a)])
    far.signal('SIGSTOP')
    const sent = await taking(['send', 'bob@b.example', 'x', '--wait', '3', ...as('alice', a)])
    expect(sent.code).toBe(79)
    expect(sent.out).toMatch(/^unknown-outcome: .* Repeat it with --id [0-9a-f]{32}\.\n$/)
    const fetched = await taking(['fetch', 'bob@b.example', '--wait', '3', ...as('alice', a)])
    expect(fetched.code).toBe(75)
    // And what it takes to start.
    for (const { tookMs } of [sent, fetched]) expect(tookMs).toBeLessThan(10_000)
  })

  test('is kept to where the own gateway is silent', async () => {
    const { a } = await twoSites()
    const own = await gateway(a)
    own.signal('SIGSTOP')
    for (const command of [
      ['send', 'bob@b.example', 'x'],
      ['publish', 'open'],
      ['fetch', 'bob@b.example'],
    ]) {
      const { code, err, tookMs } = await taking([...command, '--wait', '2', ...as('alice', a)])
      expect(code).toBe(75)
      expect(err).toContain('does not answer in time: is the gateway running?')
      expect(tookMs).toBeLessThan(9000)
    }
  })

  test('that is broken off tells the id as well', async () => {
    const { a, b } = await twoSites()
    const [, far] = await Promise.all([gateway(a), gateway(b)])
    await run(['send', 'bob@b.example', 'x', ...as('alice', a)])
    far.signal('SIGSTOP')
    const sending = start(['send', 'bob@b.example', 'x', ...as('alice', a)])
    await sending.until(() => (sending.err.includes('sending to') ? true : undefined))
    sending.signal('SIGINT')
    const { code, err } = await sending.ended
    expect(code).toBe(130)
    expect(err).toMatch(/repeat it with --id [0-9a-f]{32} to be sure$/m)
  })
})

test('a watch that takes messages goes on when presence is refused', async () => {
  const { a } = await twoSites()
  await set(a.config, { directory: '{kind: static, users: {alice: {}, bob: {}}}' })
  await gateway(a)
  const watch = start(['watch', 'nobody@a.example', '-m', '-n', '2', ...as('bob', a)])
  await watch.until(() => (watch.out.includes('terminated') ? true : undefined))
  const sent = await run(['send', 'bob@a.example', 'hello', ...as('alice', a)])
  expect(sent.out).toBe('delivered\n')
  expect(await watch.ended).toMatchObject({
    code: 0,
    out: 'nobody@a.example  terminated (refused)\nalice@a.example: hello\n',
  })
})

test('forty lines that are pasted into one conversation arrive, in order', async () => {
  const { a, b } = await twoSites()
  await Promise.all([gateway(a), gateway(b)])
  const bob = start(['watch', '-m', '-n', '40', '--json', ...as('bob', b)])
  await bob.until(() => (bob.err.includes('attached') ? true : undefined))
  const key = generateKeyPair(systemRandom)
  const words = ['credential', 'issue', 'alice', '--config', a.config]
  const { out: token } = await run([...words, '--public-key', key.publicKey.x])
  await using alice = await connectClient({
    ...{ user: 'alice@a.example', key, credential: token.trim() },
    ...{ host: '127.0.0.1', port: a.client },
    ca: [await readFile(join(a.folder, 'certificates/development-ca.pem'), 'utf8')],
  })
  const lines = Array.from({ length: 40 }, (_, i) => `line ${i + 1}`)
  const sent = await Promise.all(lines.map((body) => alice.send({ to: 'bob@b.example', body })))
  expect(new Set(sent.map(({ status }) => status))).toEqual(new Set(['delivered']))
  await bob.ended
  expect(bob.lines.map(({ body }) => body)).toEqual(lines)
})

describe('a gateway does not start, and opens no port,', () => {
  type Fault = {
    readonly code: number
    readonly says: readonly (string | RegExp)[]
    readonly spoil: (site: Site) => Promise<unknown>
  }

  const cert = (where: Site, name: string) => join(where.folder, 'certificates', name)

  async function certificateFor(where: Site, name: string): Promise<undefined> {
    const ca = await createDevelopmentCa({ days: 30, wall: Date.now })
    const leaf = await createLeaf(ca, [name], { days: 2, wall: Date.now })
    await writeFile(cert(where, 'a.example.pem'), leaf.certificatePem)
    await writeFile(cert(where, 'a.example.key.pem'), leaf.keyPem)
  }

  async function takePort(port: number): Promise<undefined> {
    const server = createServer()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.close()
    })
  }

  const faults: Readonly<Record<string, Fault>> = {
    'without a configuration': {
      code: 66,
      says: ['cannot read', 'gatehouse.yaml: there is no such file'],
      spoil: ({ config }) => rm(config),
    },
    'if its configuration is not YAML': {
      code: 78,
      says: [/gatehouse\.yaml:2:\d+ {2}not YAML/],
      spoil: ({ config }) => writeFile(config, 'domains: [\n'),
    },
    'if a setting does not exist': {
      code: 78,
      says: ['limits.messageByte: unknown setting; did you mean messageBytes?'],
      spoil: ({ config }) => set(config, { limits: '{messageByte: 1}' }),
    },
    'without its key': {
      code: 78,
      says: ['domains[0].key', 'there is no such file'],
      spoil: ({ folder }) => rm(join(folder, 'keys/a.example.key.pem')),
    },
    'if its key is none': {
      code: 78,
      says: ['expected an Ed25519 private key in PEM (PKCS8)', 'found no private key'],
      spoil: ({ folder }) => writeFile(join(folder, 'keys/a.example.key.pem'), 'nothing'),
    },
    'if its key is of another kind': {
      code: 78,
      says: ['expected an Ed25519 private key in PEM (PKCS8)', 'found a key for ec'],
      spoil: async (where) =>
        writeFile(
          join(where.folder, 'keys/a.example.key.pem'),
          await readFile(cert(where, 'a.example.key.pem')),
        ),
    },
    'if its certificate is of another domain': {
      code: 78,
      says: ['domains[0].certificate', 'does not name a.example'],
      spoil: (where) => certificateFor(where, 'x.example'),
    },
    'if an intermediate of its certificate is missing': {
      code: 78,
      says: ['domains[0].certificate', 'or an intermediate is missing: the leaf is signed by'],
      spoil: (where) => certificateFor(where, 'a.example'),
    },
    'if the certificate does not belong to its key': {
      code: 78,
      says: ['the leaf does not belong to the private key'],
      spoil: async (where) => {
        const key = await readFile(cert(where, 'a.example.key.pem'))
        await certificateFor(where, 'a.example')
        await writeFile(cert(where, 'a.example.key.pem'), key)
      },
    },
    'if an authority that it is to trust is not there': {
      code: 78,
      says: ['resolve.trustedCertificates[0]', 'there is no such file'],
      spoil: (where) => rm(cert(where, 'development-ca.pem')),
    },
    'if a port is taken, and tells of all that are': {
      code: 71,
      says: [
        /listen\.peers\[0\]: cannot listen on 127\.0\.0\.1 port \d+: another process has it open/,
        /listen\.admin: cannot listen on 127\.0\.0\.1 port \d+: another process has it open/,
      ],
      spoil: async ({ peer, admin }) => {
        await takePort(peer)
        await takePort(admin)
      },
    },
    'if an address is not of this machine': {
      code: 71,
      says: ['listen.peers[0]', 'this machine does not have that address'],
      spoil: ({ config, peer }) =>
        set(config, { peers: `[{address: 203.0.113.77, port: ${peer}}]` }),
    },
  }

  test.for(Object.entries(faults))('%s', async ([, { code, says, spoil }]) => {
    const where = await site(await temporaryFolder(), 'a.example')
    await spoil(where)
    const ended = await run(['run', '--config', where.config])
    expect(ended.err.startsWith('gatehouse: ')).toBe(true)
    for (const sentence of says) expect(ended.err).toMatch(sentence)
    expect(ended.err).not.toMatch(/\n {4}at /)
    expect(ended.err).not.toContain('PRIVATE KEY')
    expect(ended).toMatchObject({ code, out: '' })
  })

  test('but with a warning if others can read its key', async () => {
    const where = await site(await temporaryFolder(), 'a.example')
    await chmod(join(where.folder, 'keys/a.example.key.pem'), 0o644)
    const started = await gateway(where)
    const warning = await started.line(({ event }) => event === 'config.warning')
    expect(warning).toMatchObject({ level: 'warn', path: 'domains[0].key' })
    expect(String(warning['message'])).toContain('expected mode 0600, found 0644')
  })
})

test('a gateway gets the best of the engine once it serves, and not before', async () => {
  const one = await site(await temporaryFolder(), 'a.example')
  const command = [process.execPath, '--trace-opt', main] as const
  const started = start(['run', '--config', one.config], [...command])
  await started.line(({ event }) => event === 'gateway.started')
  const done = '[completed optimizing'
  expect(started.out).not.toContain(done)
  for (let n = 0; !started.out.includes(done) && n < 3000; n++) {
    await (await fetch(`http://127.0.0.1:${one.admin}/metrics`)).text()
  }
  expect(started.out).toContain(done)
})
