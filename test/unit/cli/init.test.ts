import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createDevelopmentCa, createLeaf } from '../../../src/config/certificates.ts'
import { runCli, temporaryFolder } from '../../support/cli-host.ts'
import { ManualClock } from '../../support/manual-clock.ts'

describe('init', () => {
  test('writes what check-config finds right, and keys that only their owner reads', async () => {
    const folder = await temporaryFolder()
    const { code, out } = await runCli(['init', 'A.Example', '--json'], { folder })
    expect(code).toBe(0)
    const told = JSON.parse(out) as { files: string[]; config: string; domain: string }
    expect(told.domain).toBe('a.example')
    for (const file of told.files) {
      const { mode } = await stat(file)
      expect(mode & 0o777).toBe(file.endsWith('.key.pem') ? 0o600 : 0o644)
    }
    const checked = await runCli(['check-config', '--json'], { folder })
    expect(checked.code).toBe(0)
    expect(JSON.parse(checked.out)).toMatchObject({
      ok: true,
      domains: ['a.example'],
      warnings: [],
    })
  })

  test.each(['000', '022', '077'])(
    'keeps keys to their owner under the umask %s',
    async (umask) => {
      const folder = await temporaryFolder()
      const before = process.umask(Number.parseInt(umask, 8))
      const { code } = await runCli(['init', 'a.example'], { folder }).finally(() =>
        process.umask(before),
      )
      const modeOf = async (path: string) => (await stat(join(folder, path))).mode & 0o777
      expect(code).toBe(0)
      expect(await modeOf('keys')).toBe(0o700)
      expect(await modeOf('keys/a.example.key.pem')).toBe(0o600)
      expect(await modeOf('certificates/a.example.key.pem')).toBe(0o600)
      for (const path of ['certificates', 'certificates/a.example.pem', 'gatehouse.yaml']) {
        expect((await modeOf(path)) & 0o022).toBe(0)
      }
    },
  )

  test('leaves a configuration whose mistakes and whose files are checked in one go', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example'], { folder })
    const file = join(folder, 'gatehouse.yaml')
    const text = await readFile(file, 'utf8')
    const broken = text
      .replace('key: keys/a.example.key.pem', 'key: keys/nobody.pem')
      .replace('#level: info', 'level: loud')
    await writeFile(file, broken)
    const { code, out } = await runCli(['check-config', '--json'], { folder })
    expect(code).toBe(78)
    const { mistakes } = JSON.parse(out) as { mistakes: { path: string; code: string }[] }
    expect(mistakes.map(({ path }) => path)).toEqual(['domains[0].key', 'log.level'])
  })

  test('prints the records of RFC 3861 with the host, the port and its addresses', async () => {
    const folder = await temporaryFolder()
    const words = ['init', 'a.example', '--host', 'gw.a.example', '--port', '6000']
    const { out } = await runCli([...words, '--address', '192.0.2.1', '2001:db8::1'], { folder })
    expect(out).toContain('_im._mitp.a.example.   3600 IN SRV  0 0 6000 gw.a.example.')
    expect(out).toContain('_pres._pitp.a.example. 3600 IN SRV  0 0 6000 gw.a.example.')
    expect(out).toMatch(/gw\.a\.example\. +3600 IN A +192\.0\.2\.1/)
    expect(out).toMatch(/gw\.a\.example\. +3600 IN AAAA 2001:db8::1/)
  })

  test('lets the gateway listen at the port that it publishes', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example', '--port', '6000'], { folder })
    const { out } = await runCli(['print-config', '--json'], { folder })
    expect(JSON.parse(out)).toMatchObject({ listen: { peers: [{ address: '::', port: 6000 }] } })
  })

  test('never writes over a file', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'gatehouse.yaml'), 'mine')
    const { code, err } = await runCli(['init', 'a.example'], { folder })
    expect(code).toBe(73)
    expect(err).toContain(join(folder, 'gatehouse.yaml'))
    expect(await readFile(join(folder, 'gatehouse.yaml'), 'utf8')).toBe('mine')
    await expect(stat(join(folder, 'keys'))).rejects.toThrow('ENOENT')
  })

  test('names a certificate that is there already, and makes none', async () => {
    const folder = await temporaryFolder()
    const clock = new ManualClock()
    const ca = await createDevelopmentCa({ days: 9, wall: clock.wall })
    const leaf = await createLeaf(ca, ['a.example'], { days: 9, wall: clock.wall })
    await writeFile(join(folder, 'own.pem'), leaf.certificatePem)
    await writeFile(join(folder, 'own.key.pem'), leaf.keyPem, { mode: 0o600 })
    const words = ['--certificate', 'own.pem', '--certificate-key', 'own.key.pem', '--json']
    const { out } = await runCli(['init', 'a.example', ...words], { folder, clock })
    expect(JSON.parse(out)).toMatchObject({ authority: null })
    const settings = parse(await readFile(join(folder, 'gatehouse.yaml'), 'utf8')) as {
      domains: object[]
    }
    expect(settings.domains[0]).toMatchObject({
      certificate: 'own.pem',
      certificateKey: 'own.key.pem',
    })
  })

  test('issues with an authority that is given, so that two domains trust each other', async () => {
    const folder = await temporaryFolder()
    await runCli(['init', 'a.example', '--directory', 'a'], { folder })
    const ca = 'a/certificates/development-ca'
    const words = ['--ca', `${ca}.pem`, '--ca-key', `${ca}.key.pem`]
    const { code } = await runCli(['init', 'b.example', '-d', 'b', ...words], { folder })
    expect(code).toBe(0)
    const authority = (domain: string) =>
      readFile(join(folder, domain, 'certificates/development-ca.pem'), 'utf8')
    expect(await authority('b')).toBe(await authority('a'))
    await expect(stat(join(folder, 'b/certificates/development-ca.key.pem'))).rejects.toThrow()
  })
})
