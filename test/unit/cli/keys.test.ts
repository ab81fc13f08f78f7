import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAddress } from '../../../src/address/address.ts'
import { generateKeyPair, writePrivateKey } from '../../../src/credential/ed25519.ts'
import { signUserLink } from '../../../src/credential/sign.ts'
import { limitsWith } from '../../../src/limits.ts'
import { runCli, temporaryFolder } from '../../support/cli-host.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** A folder with a domain in it, as `init` makes it. */
async function domainFolder(): Promise<string> {
  const folder = await temporaryFolder()
  await runCli(['init', 'a.example'], { folder })
  return folder
}

/** Filled before the tests of a suite, gone after them. */
function suiteFolder(fill: (folder: string) => Promise<unknown>): { path: string } {
  const folder = { path: '' }
  beforeAll(async () => {
    folder.path = await mkdtemp(join(tmpdir(), 'gatehouse-test-'))
    await fill(folder.path)
  })
  afterAll(() => rm(folder.path, { recursive: true, force: true }))
  return folder
}

type Inspection = {
  ok: boolean
  kind: string
  signature: string
  claims: Record<string, unknown>
  faults: { code: string }[]
}

describe('keys', () => {
  test('generate writes a key for its owner alone, and never over another', async () => {
    const folder = await temporaryFolder()
    const made = await runCli(['keys', 'generate', 'k/alice.pem', '--json'], { folder })
    expect(made.code).toBe(0)
    const file = join(folder, 'k/alice.pem')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const pem = await readFile(file, 'utf8')
    const again = await runCli(['keys', 'generate', 'k/alice.pem'], {
      folder,
      random: seededRandom(2),
    })
    expect(again.code).toBe(73)
    expect(await readFile(file, 'utf8')).toBe(pem)
    const shown = await runCli(['keys', 'show', 'k/alice.pem', '--json'], { folder })
    const { publicKey, kid } = JSON.parse(made.out) as Record<string, string>
    expect(JSON.parse(shown.out)).toEqual({ publicKey, kid })
  })

  test('generate prints the key where no file is named', async () => {
    const { out } = await runCli(['keys', 'generate'])
    expect(out).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
  })

  test('show prints the key set that verifies what credential issue signs', async () => {
    const folder = await domainFolder()
    const { out } = await runCli(['keys', 'show', '--json'], { folder })
    await writeFile(join(folder, 'keys.json'), out)
    const token = await runCli(['credential', 'issue', 'alice'], { folder })
    const words = ['credential', 'inspect', token.out.trim(), '--keys', 'keys.json', '--json']
    const { code, out: told } = await runCli(words, { folder })
    expect(code).toBe(0)
    expect(JSON.parse(told)).toMatchObject({ ok: true, signature: 'good', kind: 'credential' })
  })

  test.for([
    ['a configuration', ['keys', 'show']],
    ['a configuration, as JSON', ['keys', 'show', '--json']],
    ['one key', ['keys', 'show', 'keys/a.example.key.pem']],
    ['one key, as JSON', ['keys', 'show', 'keys/a.example.key.pem', '--json']],
  ] as const)(
    'what show prints of %s is what credential inspect --keys takes',
    async ([, show]) => {
      const folder = await domainFolder()
      await writeFile(join(folder, 'keys.txt'), (await runCli(show, { folder })).out)
      const token = await runCli(['credential', 'issue', 'alice'], { folder })
      const words = ['credential', 'inspect', token.out.trim(), '--keys', 'keys.txt', '--json']
      const { code, out } = await runCli(words, { folder })
      expect(JSON.parse(out)).toMatchObject({ ok: true, signature: 'good' })
      expect(code).toBe(0)
    },
  )

  test('inspect --keys says where there are none', async () => {
    const folder = await domainFolder()
    const { out: token } = await runCli(['credential', 'issue', 'alice'], { folder })
    await writeFile(join(folder, 'keys.txt'), '{"hello": 1}\n')
    const words = ['credential', 'inspect', token.trim(), '--keys', 'keys.txt']
    const { code, out } = await runCli(words, { folder })
    expect(code).toBe(65)
    expect(out).toContain('expected a key set or a public key, found neither')
  })

  test('show never prints a private key', async () => {
    const folder = await domainFolder()
    for (const words of [
      ['keys', 'show'],
      ['keys', 'show', '--json'],
    ]) {
      expect((await runCli(words, { folder })).out).not.toContain('PRIVATE')
    }
  })

  test('show refuses a file that holds no Ed25519 key, with 66', async () => {
    const folder = await domainFolder()
    const words = ['keys', 'show', 'certificates/a.example.key.pem']
    const { code, err } = await runCli(words, { folder })
    expect(code).toBe(66)
    expect(err).toContain('expected an Ed25519 private key in PEM')
  })
})

describe('credential issue', () => {
  const site = suiteFolder((folder) => runCli(['init', 'a.example'], { folder }))

  const issued = async (words: readonly string[]) => {
    const { code, out, err } = await runCli(['credential', 'issue', ...words], {
      folder: site.path,
    })
    expect(err).toBe('')
    expect(code).toBe(0)
    const [, claims = ''] = out.trim().split('.')
    return JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
  }

  test('vouches for a user towards the own domain, with every scope', async () => {
    const claims = await issued(['alice'])
    expect(claims).toMatchObject({
      iss: 'a.example',
      sub: 'alice@a.example',
      aud: 'a.example',
      scope: 'im.send pres.watch pres.publish pres.notify',
    })
    expect(claims['exp']).toBe((claims['iat'] as number) + limitsWith().credentialSeconds)
  })

  test('says for whom, what and how long, and whose key', async () => {
    const { publicKey } = generateKeyPair(seededRandom(7))
    const words = ['alice@a.example', '--for', 'b.example', '--scope', 'im.send', 'pres.watch']
    const claims = await issued([...words, '--seconds', '60', '--public-key', publicKey.x])
    expect(claims).toMatchObject({
      aud: 'b.example',
      scope: 'im.send pres.watch',
      cnf: { jkt: publicKey.thumbprint },
    })
    expect(claims['exp']).toBe((claims['iat'] as number) + 60)
  })

  test.for([
    ['a user of another domain', ['alice@b.example'], 69, 'a user of a.example'],
    ['a scope that does not exist', ['alice', '--scope', 'im.receive'], 64, 'one of im.send'],
    [
      'a life that nobody accepts',
      ['alice', '--seconds', '3601'],
      64,
      'a whole number from 1 to 3600',
    ],
    ['a key that is none', ['alice', '--public-key', 'AAAA'], 64, 'an Ed25519 public key'],
  ] as const)('refuses %s, and says what it expected', async ([, words, expected, says]) => {
    const { code, out, err } = await runCli(['credential', 'issue', ...words], {
      folder: site.path,
    })
    expect(code).toBe(expected)
    expect(err).toContain(`expected ${says}`)
    expect(out).toBe('')
  })
})

describe('credential inspect', () => {
  const clock = new ManualClock()
  let token: string
  const site = suiteFolder(async (folder) => {
    await runCli(['init', 'a.example'], { folder, clock })
    const words = ['credential', 'issue', 'alice', '--for', 'b.example']
    token = (await runCli(words, { folder, clock })).out.trim()
  })

  const inspect = async (text: string, words: readonly string[] = [], at = clock) => {
    const given = { folder: site.path, clock: at }
    const ran = await runCli(['credential', 'inspect', text, '--json', ...words], given)
    return { code: ran.code, told: JSON.parse(ran.out) as Inspection }
  }

  test('verifies with the configuration in the folder, if it is of the domain that signed', async () => {
    expect(await inspect(token)).toMatchObject({ code: 0, told: { ok: true, signature: 'good' } })
    const folder = await temporaryFolder()
    await runCli(['init', 'c.example'], { folder, clock })
    const words = ['credential', 'inspect', token, '--json']
    const { code, out } = await runCli(words, { folder, clock })
    expect([code, JSON.parse(out)]).toMatchObject([0, { ok: true, signature: 'not checked' }])
    await writeFile(join(folder, 'gatehouse.yaml'), 'domains: 7\n')
    expect((await runCli(words, { folder, clock })).code).toBe(0)
  })

  test('explains a token that it cannot verify, and says that it did not', async () => {
    const given = { folder: await temporaryFolder(), clock }
    const { code, out } = await runCli(['credential', 'inspect', token, '--json'], given)
    const told = JSON.parse(out) as Inspection
    expect(code).toBe(0)
    expect(told).toMatchObject({ ok: true, signature: 'not checked' })
    expect(told.claims).toMatchObject({ sub: 'alice@a.example', aud: 'b.example' })
  })

  test('reads it from standard input, and tells a person line by line', async () => {
    const given = { folder: site.path, clock, input: `${token}\n` }
    const { code, out } = await runCli(['credential', 'inspect', '-c', 'gatehouse.yaml'], given)
    expect(code).toBe(0)
    expect(out).toMatch(/^sub +alice@a\.example +whom it is about$/m)
    expect(out).toMatch(/^exp +\d+ \(in 600 s\) +not good after$/m)
    expect(out).toContain('signature good')
  })

  test('finds a signature that does not fit', async () => {
    const [head, claims, signature = ''] = token.split('.')
    const flipped = signature.startsWith('A') ? 'B' : 'A'
    const text = `${head}.${claims}.${flipped}${signature.slice(1)}`
    const { code, told } = await inspect(text, ['-c', 'gatehouse.yaml'])
    expect(code).toBe(65)
    expect(told.signature).toBe('bad')
    expect(told.faults.map(({ code }) => code)).toEqual(['credential-signature'])
  })

  test('finds that none of the keys made it', async () => {
    await writeFile(join(site.path, 'other.txt'), generateKeyPair(seededRandom(9)).publicKey.x)
    const { code, told } = await inspect(token, ['--keys', 'other.txt'])
    expect(code).toBe(65)
    expect(told).toMatchObject({ signature: 'not checked', faults: [{ code: 'credential-key' }] })
  })

  test('finds that it has ended', async () => {
    const late = new ManualClock(clock.wall() + 631_000)
    const { code, told } = await inspect(token, ['-c', 'gatehouse.yaml'], late)
    expect(code).toBe(65)
    expect(told.faults.map(({ code }) => code)).toEqual(['credential-expired'])
  })

  test('finds that it begins in the future', async () => {
    const early = new ManualClock(clock.wall() - 60_000)
    const { told } = await inspect(token, [], early)
    expect(told.faults.map(({ code }) => code)).toEqual(['credential-time'])
  })

  test('explains a link assertion, too', async () => {
    const key = generateKeyPair(seededRandom(3))
    const facts = { aud: 'a.example', cb: Buffer.alloc(32).toString('base64url') }
    const needs = { clock, random: seededRandom(4), limits: limitsWith() }
    const link = signUserLink(parseAddress('alice@a.example'), key, facts, needs)
    await writeFile(join(site.path, 'alice.txt'), key.publicKey.x)
    const { code, told } = await inspect(link, ['--keys', 'alice.txt'])
    expect(code).toBe(0)
    expect(told).toMatchObject({ kind: 'link', signature: 'good' })
  })

  test.for(['', 'x', 'a.b.c', '....', 'e30.e30.e30'])('ends with 65 for "%s"', async (text) => {
    const { code, told } = await inspect(text === '' ? ' ' : text)
    expect(code).toBe(65)
    expect(told.ok).toBe(false)
  })

  test('shows what a token says without its control signs', async () => {
    const claims = Buffer.from('{"sub":"a\\u001b[31m"}').toString('base64url')
    const { out } = await runCli(['credential', 'inspect', `e30.${claims}.e30`], {
      folder: site.path,
    })
    expect(out).not.toContain('\u001b')
  })
})

describe('a key file', () => {
  test('that is encrypted or none is refused by client commands', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'x.pem'), 'not a key')
    const where = ['--user', 'u@a.example', '--gateway', '127.0.0.1:1', '--key', 'x.pem']
    const { code } = await runCli(['fetch', 'b@b.example', ...where], { folder })
    expect(code).toBe(66)
    await writeFile(join(folder, 'y.pem'), writePrivateKey(generateKeyPair(seededRandom(1))))
    const noKey = await runCli(['fetch', 'b@b.example', ...where.slice(0, 4)], { folder })
    expect(noKey.code).toBe(64)
    expect(noKey.err).toContain('expected --key')
  })
})
