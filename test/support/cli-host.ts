/** A host for commands that run inside a test: words in, texts and the exit code out. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Host } from '../../src/cli/host.ts'
import { runProgram } from '../../src/cli/program.ts'
import { GatewayError } from '../../src/errors.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { silentLog } from '../../src/lib/log.ts'
import type { Random } from '../../src/lib/random.ts'
import { ManualClock } from './manual-clock.ts'
import { seededRandom } from './seeded-random.ts'

type Given = {
  readonly folder?: string
  readonly env?: Host['env']
  readonly input?: string
  readonly terminal?: Host['terminal']
  readonly columns?: number
  readonly clock?: Clock
  readonly random?: Random
}

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

const noTerminal = { in: false, out: false, err: false }

export function hostOf(words: readonly string[], given: Given = {}) {
  const said = { out: '', err: '' }
  const clock = new ManualClock()
  const host: Host = {
    words,
    env: given.env ?? {},
    folder: given.folder ?? '/nowhere',
    out: (text) => {
      said.out += text
    },
    written: () => undefined,
    err: (text) => {
      said.err += text
    },
    terminal: given.terminal ?? noTerminal,
    columns: given.columns ?? 80,
    readInput: async (most) => {
      const input = Buffer.from(given.input ?? '')
      if (input.length > most) throw new GatewayError('too-large', `more than ${most} bytes`)
      return input
    },
    onInputEnd: () => undefined,
    onStop: () => () => undefined,
    onReload: () => () => undefined,
    serving: () => undefined,
    heapBytes: () => Number.POSITIVE_INFINITY,
    pid: 4711,
    monotonicUs: () => 1_234_567n,
    notify: async () => undefined,
    again: ['/usr/bin/false'],
    typed: 'gatehouse',
    software: 'gatehouse/1.2.3',
    log: async () => ({
      ...silentLog,
      become: () => undefined,
      flush: async () => undefined,
      rest: () => Buffer.alloc(0),
    }),
    clock: given.clock ?? clock,
    random: given.random ?? seededRandom(1),
  }
  /** `clock` is the one of the host unless the test gave another. */
  return { host, said, clock }
}

export async function runCli(words: readonly string[], given: Given = {}): Promise<Ran> {
  const { host, said } = hostOf(words, given)
  const code = await runProgram(host)
  return { code, ...said }
}

/** Gone when the test is over. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}
