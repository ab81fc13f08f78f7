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
  await set(a.config, { deny: '[b.example]', level: 'warn', limits: '{idleMs: 1000000}' })
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
  expect(one.lines.at(-1)).toMatchObject({ event: 'config.reloaded' })
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
