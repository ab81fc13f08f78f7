/** What a command reads and writes: nothing is lost without a word, and nothing is read without a bound. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'
import { main, type Ran, start } from '../support/gatehouse.ts'
import { site } from '../support/sites.ts'

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
      'gatehouse: standard input has more than 65536 bytes',
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
