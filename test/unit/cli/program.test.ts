import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exitCodes } from '../../../src/cli/exit-codes.ts'
import { tellFailure } from '../../../src/cli/failure.ts'
import { GatewayError } from '../../../src/errors.ts'
import { hostOf, runCli, temporaryFolder } from '../../support/cli-host.ts'

describe('the command line', () => {
  test('shows all commands and all exit codes in its help', async () => {
    const { code, out } = await runCli(['--help'])
    expect(code).toBe(0)
    const commands = [
      'demo',
      'init',
      'check-config',
      'print-config',
      'run',
      'explain',
      'dns',
      'send',
    ]
    for (const name of [
      ...commands,
      'publish',
      'fetch',
      'watch',
      'keys',
      'credential',
      'bench',
      'help',
    ]) {
      expect(out).toMatch(new RegExp(`^  ${name}`, 'm'))
    }
    for (const { number } of Object.values(exitCodes)) expect(out).toContain(` ${number}  `)
    expect(out).not.toContain('demo-attack')
  })

  test('tells its version', async () => {
    expect(await runCli(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' })
  })

  test('suggests the command that was meant', async () => {
    const { code, err } = await runCli(['snd'])
    expect(code).toBe(exitCodes.usage.number)
    expect(err).toContain("unknown command 'snd'")
    expect(err).toContain('Did you mean send?')
  })

  test.for([
    ['--help', ['frobnicate', '--help'], 'frobnicate'],
    ['--help before it', ['--help', 'frobnicate'], 'frobnicate'],
    ['-h below a command', ['keys', 'frobnicate', '-h'], 'frobnicate'],
    ['--json', ['frobnicate', 'now', '--json'], 'frobnicate'],
    ['help for it', ['help', 'frobnicate'], 'frobnicate'],
  ] as const)('does not know a command that is not there, %s or not', async ([, words, name]) => {
    const { code, err } = await runCli(words)
    expect(code).toBe(exitCodes.usage.number)
    expect(err).toContain(`unknown command '${name}'`)
  })

  test.for([
    [['send', '--help'], 'Usage: gatehouse send'],
    [['help'], 'Usage: gatehouse [options]'],
    [['help', 'send'], 'Usage: gatehouse send'],
    [['help', 'keys', 'show'], 'Usage: gatehouse keys show'],
    [['--verbose', 'help', 'watch'], 'Usage: gatehouse watch'],
    [['keys', '--help'], 'Usage: gatehouse keys'],
    [['keys', 'show', 'nobody.pem', '--help'], 'Usage: gatehouse keys show'],
    [['--verbose', 'send', 'a@b.example', 'hello', '--help'], 'Usage: gatehouse send'],
  ] as const)('helps with %s', async ([words, start]) => {
    const { code, out } = await runCli(words)
    expect([code, out.slice(0, start.length)]).toEqual([0, start])
  })

  test.for([
    ['without a command', []],
    ['without what a command needs', ['send']],
    ['with an option that does not exist', ['send', 'a@b.example', '--nope']],
    ['with too many words', ['run', 'now']],
    ['with a number that is none', ['watch', 'a@b.example', '--count', 'x']],
    ['with nobody to watch', ['watch']],
    ['with a port that is none', ['init', 'a.example', '--port', '0']],
    ['with an address that is none', ['init', 'a.example', '--address', 'gw.a.example']],
    ['with a certificate and no key', ['init', 'a.example', '--certificate', 'c.pem']],
    ['with a service that is none', ['explain', 'a@b.example', '--service', 'sip']],
    ['with a name server that is named', ['explain', 'b.example', '--server', 'ns.example']],
    ['with a time that is none', ['fetch', 'a@b.example', '--wait', '0']],
  ] as const)('ends with 64 %s', async ([, words]) => {
    const { code, out } = await runCli(words)
    expect(code).toBe(64)
    expect(out).toBe('')
  })

  test('ends with 65 for an address that is none', async () => {
    const { code, err } = await runCli(['send', 'bob', 'hello'])
    expect(code).toBe(65)
    expect(err).toMatch(/^gatehouse: expected user@domain/)
  })
})

describe('a failure', () => {
  test('tells a program, too, that it does not understand', async () => {
    const { code, out } = await runCli(['send', '--json'])
    expect(code).toBe(64)
    expect(JSON.parse(out)).toEqual({
      error: { code: 'usage', message: "missing required argument 'to'" },
    })
  })

  test('is one sentence, and one object where a program reads', async () => {
    const { code, out, err } = await runCli(['check-config', 'nope.yaml', '--json'])
    expect(code).toBe(66)
    const message = 'cannot read /nowhere/nope.yaml: there is no such file'
    expect(JSON.parse(out)).toEqual({ error: { code: 'file-unreadable', message } })
    expect(err).toBe(`gatehouse: ${message}\n`)
  })

  test.for([
    ['keys generate below a file', ['keys', 'generate', 'file/k.pem'], 'is no folder'],
    [
      'keys generate in a folder of the system',
      ['keys', 'generate', '/proc/x/k.pem'],
      'no such folder',
    ],
    ['demo --keep of a file', ['demo', '--once', '--keep', 'file'], 'is no folder'],
    ['demo --keep below a file', ['demo', '--once', '--keep', 'file/x/y'], 'is no folder'],
  ] as const)('of the system is one of no program, but tells path and reason: %s', async (row) => {
    const [, words, why] = row
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'file'), '')
    const { code, err } = await runCli(words, { folder })
    expect(code).toBe(73)
    expect(err).toMatch(/^gatehouse: cannot write \/\S+: .*\n$/m)
    expect(err).toContain(why)
  })

  test('of a disk that is full is none of the program', () => {
    const { host, said } = hostOf([])
    const error = Object.assign(new Error(), { code: 'ENOSPC', syscall: 'write' })
    expect(tellFailure(host, error)).toBe(73)
    expect(said.err).toBe('gatehouse: cannot write a file: there is no room left\n')
  })

  test('of the program itself shows where it happened only with --verbose or DEBUG', () => {
    const told = (words: readonly string[], env = {}) => {
      const { host, said } = hostOf(words, { env })
      expect(tellFailure(host, new TypeError('no such thing'))).toBe(70)
      return said.err
    }
    expect(told([])).toBe(
      'gatehouse: a fault of this program: no such thing (--verbose shows where)\n',
    )
    expect(told(['--verbose'])).toMatch(/\n {4}at /)
    expect(told([], { DEBUG: '1' })).toMatch(/\n {4}at /)
    const { host } = hostOf([])
    expect(tellFailure(host, new GatewayError('internal', 'it did not come'))).toBe(70)
  })
})

describe('the configuration file', () => {
  test('is looked for at its usual places, and they are named if it is not there', async () => {
    const { code, err } = await runCli(['check-config'])
    expect(code).toBe(78)
    expect(err).toContain('/nowhere/gatehouse.yaml or /etc/gatehouse/gatehouse.yaml')
    expect(err).toContain('gatehouse init')
  })

  test('is looked for as if it was not named where the variable is empty', async () => {
    const { code, err } = await runCli(['check-config'], { env: { GATEHOUSE_CONFIG: '' } })
    expect(code).toBe(78)
    expect(err).toContain('/nowhere/gatehouse.yaml or /etc/gatehouse/gatehouse.yaml')
  })

  test('is found in the folder, by its name, and by the environment', async () => {
    const folder = await temporaryFolder()
    const file = join(folder, 'gatehouse.yaml')
    await writeFile(file, 'domains: 7\n')
    const ways = [
      runCli(['check-config'], { folder }),
      runCli(['check-config', file]),
      runCli(['check-config', '--config', file]),
      runCli(['check-config'], { env: { GATEHOUSE_CONFIG: file } }),
    ]
    for (const { code, out } of await Promise.all(ways)) {
      expect(code).toBe(78)
      expect(out).toContain(`${file}:1:10  domains: expected a list of domains, found 7`)
    }
  })

  test('a variable of the environment counts by its value, not by being there', async () => {
    const told = async (env: Record<string, string>) =>
      (await runCli(['snd', '--json'], { env })).err
    const empty = { FORCE_COLOR: '', NO_COLOR: '', TERM: '', DEBUG: '' }
    expect(await told(empty)).toBe(await told({}))
    expect((await runCli(['check-config', 'nope'], { env: empty })).err).not.toContain('\u001b')
  })

  test.each([[['check-config', '\u001b[2J']], [['\u001b[2J']], [['keys', '\u009b2J', '--json']]])(
    'prints nothing that moves the cursor: %j',
    async (words) => {
      const { out, err } = await runCli(words)
      expect(`${out}${err}`).toMatch(/\\u00[19]b/)
      expect([...`${out}${err}`].some((sign) => sign === '\u001b' || sign === '\u009b')).toBe(false)
    },
  )
})
