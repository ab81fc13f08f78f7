/** SIGHUP: what a running gateway takes of new files, and what it keeps when they are wrong. */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { expect, test } from 'vitest'
import { createLeaf } from '../../src/config/certificates.ts'
import { generateKeyPair, writePrivateKey } from '../../src/credential/ed25519.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { type Process, run, start } from '../support/gatehouse.ts'
import { gateway, type Site, set, twoSites } from '../support/sites.ts'

const inFolder = ({ folder }: Site, name: string): string => join(folder, 'certificates', name)

/** What the door shows to a peer. */
async function shown(site: Site, servername = 'a.example'): Promise<string> {
  const ca = await readFile(inFolder(site, 'development-ca.pem'), 'utf8')
  const options = { servername, ca, ALPNProtocols: ['pitp-mitp/1'] }
  const socket = connect({ host: '127.0.0.1', port: site.peer, ...options })
  await once(socket, 'secureConnect')
  const { fingerprint256 } = socket.getPeerCertificate()
  socket.destroy()
  return fingerprint256
}

/** As an ACME client does it: another certificate with another key, in the same files. */
async function renewed(
  site: Site,
  domain = 'a.example',
  sinceDays = 0,
  holder = site,
): Promise<string> {
  const text = (name: string) => readFile(inFolder(site, name), 'utf8')
  const wall = () => Date.now() + sinceDays * 86_400_000
  const ca = {
    certificatePem: await text('development-ca.pem'),
    keyPem: await text('development-ca.key.pem'),
  }
  const leaf = await createLeaf(ca, [domain], { days: sinceDays < 0 ? 1 : 30, wall })
  await writeFile(inFolder(holder, `${domain}.pem`), leaf.certificatePem)
  await writeFile(inFolder(holder, `${domain}.key.pem`), leaf.keyPem)
  return new X509Certificate(leaf.certificatePem).fingerprint256
}

/** Sends SIGHUP and waits for the line that tells how it went. */
async function reload(one: Process, event: string): Promise<Readonly<Record<string, unknown>>> {
  const before = one.lines.length
  one.signal('SIGHUP')
  return one.until(() => one.lines.slice(before).find((line) => line['event'] === event))
}

test('a running gateway takes new certificates and rules, and keeps what it has when they are wrong', async () => {
  const { a, b } = await twoSites()
  // Nothing is tried again by itself.
  const limits = 'reloadRetryMs: 600000'
  await set(a.config, { limits: `{${limits}}` })
  const [one] = await Promise.all([gateway(a), gateway(b)])
  const say = () =>
    run(['send', 'bob@b.example', 'Hello', '--json', '--user', 'alice', '--config', a.config])
  const statusOf = async () => JSON.parse((await say()).out) as { readonly status: string }

  const first = await shown(a)
  const second = await renewed(a)
  expect(await shown(a)).toBe(first)
  expect(await reload(one, 'config.reloaded')).toMatchObject({
    level: 'info',
    certificates: 'a.example',
    changed: '',
    restart: '',
  })
  expect(await shown(a)).toBe(second)

  await writeFile(inFolder(a, 'a.example.pem'), 'nothing')
  const refused = await reload(one, 'config.reload-refused')
  expect(refused).toMatchObject({ level: 'error', cause: 'config-invalid' })
  expect(String(refused['message'])).toContain('domains[0].certificate')
  expect(await shown(a)).toBe(second)
  const third = await renewed(a)

  expect(await statusOf()).toMatchObject({ status: 'inbox-closed' })
  await set(a.config, {
    deny: '[b.example]',
    level: 'warn',
    limits: `{${limits}, idleMs: 1000000}`,
  })
  const keyFile = join(a.folder, 'keys/a.example.key.pem')
  const key = await readFile(keyFile)
  await writeFile(keyFile, writePrivateKey(generateKeyPair(systemRandom)))
  expect(await reload(one, 'config.reloaded')).toMatchObject({
    certificates: 'a.example',
    changed: 'policy.deny, log.level',
    restart: 'limits.idleMs, domains[0].key',
  })
  expect(await shown(a)).toBe(third)
  // The gateway still takes the word of the old one.
  await writeFile(keyFile, key)
  expect(await statusOf()).toMatchObject({ status: 'domain-refused' })

  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
  // Lines of less weight than `warn` are not written any more.
  expect(one.lines.at(-1)).toMatchObject({ event: 'config.restart-needed' })
})

/** A gateway of two domains, in its folder the files of both. */
async function twoInOne(expired: 'b.example' | undefined) {
  const { a, b } = await twoSites()
  const { config } = a
  const text = await readFile(config, 'utf8')
  const second = ['name: b.example', `key: ${b.folder}/keys/b.example.key.pem`]
  second.push(`certificate: ${inFolder(b, 'b.example.pem')}`)
  second.push(`certificateKey: ${inFolder(b, 'b.example.key.pem')}`)
  await writeFile(config, text.replace('domains:\n', `domains:\n  - {${second.join(', ')}}\n`))
  await set(config, { routes: '{}' })
  const spoil = () => renewed(a, 'b.example', -10, b)
  if (expired !== undefined) await spoil()
  return { a, b, spoil, one: start(['run', '--config', config]) }
}

const readiness = async ({ admin }: Site) => {
  const answer = await fetch(`http://127.0.0.1:${admin}/readyz`)
  return { status: answer.status, text: await answer.text() }
}

test('an expired certificate of one domain is a warning at start, and the other one is served', async () => {
  const { a, one } = await twoInOne('b.example')
  await one.line(({ event }) => event === 'gateway.started')
  const warning = one.lines.find(({ event }) => event === 'config.warning')
  expect(warning).toMatchObject({ level: 'warn', path: 'domains[0].certificate' })
  expect(String(warning?.['message'])).toMatch(/b\.example\.pem: the leaf expired \d{4}-/)
  await shown(a)
  const { status, text } = await readiness(a)
  expect(status).toBe(200)
  expect(text).toContain('certificate for b.example has expired (the leaf)')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

test('a reload takes the renewed certificate of one domain, and of another one keeps what is good', async () => {
  const { a, spoil, one } = await twoInOne(undefined)
  await one.line(({ event }) => event === 'gateway.started')
  const kept = await shown(a, 'b.example')
  await spoil()
  const fresh = await renewed(a)
  expect(await reload(one, 'config.reloaded')).toMatchObject({ certificates: 'a.example' })
  expect(one.lines.find(({ event }) => event === 'certificate.kept')).toMatchObject({
    level: 'warn',
    domain: 'b.example',
  })
  expect(await shown(a)).toBe(fresh)
  expect(await shown(a, 'b.example')).toBe(kept)
  expect((await readiness(a)).text).not.toContain('expired')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

test('a reload is no end, whatever stands before the command', async () => {
  const { a } = await twoSites()
  const one = start(['--verbose', 'run', '--config', a.config])
  await one.line(({ event }) => event === 'gateway.started')
  await reload(one, 'config.reloaded')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

test('a file that is a pipe without an end holds up no end', async () => {
  const { a } = await twoSites()
  const one = await gateway(a)
  const file = inFolder(a, 'a.example.pem')
  await rm(file)
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', file])
  one.signal('SIGHUP')
  // Opened once the program reads it; nothing is ever written.
  const pipe = await open(file, 'w')
  await pipe.close()
  await one.line(({ event }) => event === 'config.reload-refused')
  one.signal('SIGHUP')
  expect(await (await fetch(`http://127.0.0.1:${a.admin}/healthz`)).text()).toBe('alive\n')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

/** What the admin port says at `path`. */
const told = async ({ admin }: Site, path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${admin}${path}`)).text()

const warned = async (one: Site): Promise<readonly string[]> => {
  const { warnings } = JSON.parse(await told(one, '/readyz')) as {
    readonly warnings: readonly { readonly code: string }[]
  }
  return warnings.map(({ code }) => code)
}

test('a reload that was refused is told everywhere, and tried again once a file has changed', async () => {
  const { a } = await twoSites()
  await set(a.config, { limits: '{reloadRetryMs: 50}' })
  const one = await gateway(a)
  const successful = async () =>
    /^gatehouse_config_last_reload_successful (\d)$/m.exec(await told(a, '/metrics'))?.[1]
  expect([await successful(), await warned(a)]).toEqual(['1', []])

  const key = await readFile(inFolder(a, 'a.example.key.pem'))
  const certificate = await renewed(a)
  const renewedKey = await readFile(inFolder(a, 'a.example.key.pem'))
  await writeFile(inFolder(a, 'a.example.key.pem'), key)
  const refused = await run(['reload', '--config', a.config])
  expect(refused).toMatchObject({ code: 78, out: '' })
  expect(refused.err).toContain('domains[0].certificate')
  expect(await warned(a)).toEqual(['reload-refused'])
  expect(await shown(a)).not.toBe(certificate)

  // The other half of the renewal comes, and nobody sends a signal.
  const before = one.lines.length
  await writeFile(inFolder(a, 'a.example.key.pem'), renewedKey)
  await one.until(() => one.lines.slice(before).find(({ event }) => event === 'config.reloaded'))
  expect([await shown(a), await warned(a)]).toEqual([certificate, []])
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

test('the command tells what is in force and what waits for a restart', async () => {
  const { a } = await twoSites()
  const one = await gateway(a)
  expect(await run(['reload', '--config', a.config])).toMatchObject({
    ...{ code: 0, err: '', out: 'Read again: nothing has changed.\n' },
  })
  await set(a.config, { deny: '[b.example]', limits: '{idleMs: 1000000}' })
  expect(await run(['reload', '--config', a.config])).toMatchObject({
    ...{ code: 0, err: '' },
    out: 'In force: policy.deny\nWaits for a restart: limits.idleMs\n',
  })
  expect(one.lines.find(({ event }) => event === 'config.restart-needed')).toMatchObject({
    ...{ level: 'warn', paths: 'limits.idleMs' },
  })
  expect(await warned(a)).toEqual(['restart-needed'])
  const page = JSON.parse(await told(a, '/status')) as { readonly warnings: readonly object[] }
  expect(page.warnings).toHaveLength(1)
  // It is as it was at the start: nothing waits any more.
  await set(a.config, { limits: '{}' })
  expect(await run(['reload', '--config', a.config, '--json'])).toMatchObject({
    ...{ code: 0, out: '{"certificates":[],"changed":[],"restart":[]}\n' },
  })
  expect(await warned(a)).toEqual([])
  one.signal('SIGTERM')
  await one.ended
  expect(await run(['reload', '--config', a.config])).toMatchObject({
    ...{ code: 75, err: expect.stringContaining(`127.0.0.1:${a.admin} (connection refused)`) },
  })
})

test('a reload that reads a pipe to which nobody writes ends', async () => {
  const { a } = await twoSites()
  await set(a.config, { limits: '{reloadMs: 300}' })
  const one = await gateway(a)
  const file = inFolder(a, 'a.example.pem')
  await rm(file)
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', file])
  expect(await reload(one, 'config.reload-refused')).toMatchObject({
    ...{ cause: 'file-unreadable', message: `${file} cannot be read in 0.3 s` },
  })
  await rm(file)
  await renewed(a)
  await one.line(({ event }) => event === 'config.reloaded')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

test('names the file of each key that is another one, and no other setting', async () => {
  const { a } = await twoSites()
  const file = (name: string) => join(a.folder, 'keys', name)
  const fresh = () => writePrivateKey(generateKeyPair(systemRandom))
  const write = (name: string, pem: string) => writeFile(file(name), pem, { mode: 0o600 })
  await write('user.pem', fresh())
  await write('old.pem', fresh())
  await set(a.config, { userKey: 'keys/user.pem', otherKeys: '[keys/old.pem]' })
  const one = await gateway(a)
  const waits = async () => (await reload(one, 'config.reloaded'))['restart']
  await write('user.pem', fresh())
  expect(await waits()).toBe('domains[0].userKey')
  await write('old.pem', fresh())
  expect(await waits()).toBe('domains[0].userKey, domains[0].otherKeys')
  // The same key, written in another way.
  const pem = await readFile(file('a.example.key.pem'), 'utf8')
  await write('a.example.key.pem', `the key of this domain\n${pem}\n`)
  expect(await waits()).toBe('domains[0].userKey, domains[0].otherKeys')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})

test('a reload that is asked for while the program starts is done once it runs', async () => {
  const { a } = await twoSites()
  const config = join(a.folder, 'piped.yaml')
  execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', config])
  const one = start(['run', '--config', config])
  // Opened once the program reads it, and waits for what is written.
  const pipe = await open(config, 'w')
  const text = await readFile(a.config)
  await rm(config)
  await writeFile(config, text)
  one.signal('SIGHUP')
  await pipe.writeFile(text)
  await pipe.close()
  await one.line(({ event }) => event === 'config.reloaded')
  expect(one.lines.map(({ event }) => event)).toContain('gateway.started')
  one.signal('SIGTERM')
  expect((await one.ended).code).toBe(0)
})
