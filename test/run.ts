/**
 * `npm test`: everything that has to hold, in one run: types, style, dead code, then all tests.
 *
 * In:    nothing. With `--quick` only what needs no servers and no processes, with a small dose of chance
 *        (`support/dose.ts`): less than a minute of two cores.
 * Out:   what each step prints, the tests as they run, the others when they are done; the last line is
 *        `N passed, N failed`, a step counting as one.
 * Fails: exit code 1 if anything failed. Every step runs, so that one run shows all that is wrong.
 */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Report, readPage, unpassed } from './support/conformance-page.ts'

/** Real servers and tools that the system tests use, as Debian packages them; each with a file that shows it is there. */
const peers: Readonly<Record<string, string>> = {
  nsd: '/usr/sbin/nsd',
  unbound: '/usr/sbin/unbound',
  ldnsutils: '/usr/bin/ldns-signzone',
  prometheus: '/usr/bin/promtool',
  systemd: '/usr/bin/systemd-analyze',
}

const root = join(import.meta.dirname, '..')
const isQuick = process.argv.includes('--quick')

/** Beside the others, and tells all at its end. */
function step(name: string, command: string, words: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(command, words, { cwd: root, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      console.log(`\n== ${name}\n${stdout}${stderr}`)
      if (error !== null && typeof error.code !== 'number') console.log(error.message)
      resolve(error === null)
    })
  })
}

async function runVitest(words: readonly string[]): Promise<boolean> {
  const child = spawn('vitest', words, {
    cwd: root,
    env: { ...(isQuick ? { DOSE: 'quick' } : {}), ...process.env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const [code] = await once(child, 'exit').catch((error: unknown) => [String(error)])
  if (code !== 0) console.log(`vitest ended with ${code}`)
  return code === 0
}

/** Installs the servers that are missing. Where that cannot be done, the tests that need them say so. */
function installPeers(): boolean {
  const missing = Object.entries(peers).filter(([, file]) => !existsSync(file))
  if (missing.length === 0) return true
  const names = missing.map(([name]) => name)
  console.log(`\n== Debian packages: ${names.join(', ')}`)
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'] as ('ignore' | 'inherit')[] }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', ['update', '-q'], { ...quiet, env })
  const words = ['install', '-y', '-q', '--no-install-recommends', ...names]
  return spawnSync('apt-get', words, { ...quiet, env }).status === 0
}

type Counts = { readonly passed: number; readonly failed: number }

const folders = isQuick ? ['unit', 'pair'] : ['unit', 'pair', 'system']

/** Every test that `docs/conformance.md` names ran and passed, as far as its folder was run. */
function checkPage(report: Report): boolean {
  console.log('\n== tests that docs/conformance.md names')
  const page = readPage(readFileSync(join(root, 'docs/conformance.md'), 'utf8'))
  const faults = unpassed(page, report, folders)
  for (const fault of faults) console.log(fault)
  return faults.length === 0
}

/** The tests themselves; they count one by one, and what the page says of them as one more. */
async function runTests(): Promise<Counts> {
  const dir = mkdtempSync(join(tmpdir(), 'gatehouse-test-'))
  const file = join(dir, 'report.json')
  const projects = folders.flatMap((folder) => ['--project', folder])
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  console.log('\n== tests')
  const isGreen = await runVitest([
    'run',
    '--config',
    'test/vitest.config.ts',
    ...projects,
    // The simulator's test of itself is a tenth of all that is left.
    ...(isQuick ? ['--exclude=test/pair/simulator.test.ts'] : []),
    ...reporters,
  ])
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'))
    const isHonest = checkPage(report)
    const failed: number = report.numFailedTests
    return {
      passed: report.numPassedTests + (isHonest ? 1 : 0),
      // A file that cannot be loaded fails without a test of its own.
      failed: (isGreen ? failed : Math.max(1, failed)) + (isHonest ? 0 : 1),
    }
  } catch {
    return { passed: 0, failed: 1 }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

if (!isQuick && !installPeers()) console.log('some of them could not be installed')
/** What was found before is kept, where it holds as long as the files do. */
const cache = join(root, 'node_modules/.cache')
const [tests, ...steps] = await Promise.all([
  runTests(),
  step('types', 'tsc', ['--incremental', '--tsBuildInfoFile', join(cache, 'types.tsbuildinfo')]),
  step('style', 'biome', ['ci', '.']),
  step('dead code', 'knip', ['--cache', '--cache-location', join(cache, 'knip')]),
])
const passed = steps.filter(Boolean).length + tests.passed
const failed = steps.filter((isGreen) => !isGreen).length + tests.failed
console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
