/**
 * The first statements of the process: signals are taken before anything is loaded. Nothing is imported above them, since
 * what is imported runs first, and takes longer than whoever sends a signal may wait.
 *
 * In:    the command line; signals.
 * Out:   the program (`cli/process.ts`), which takes over what signals do.
 */
import type { Signals } from './cli/host.ts'

const ignore = (): undefined => undefined
/** Options of the program may stand before the command; none of them takes a value. */
const isService = process.argv.slice(2).find((word) => !word.startsWith('-')) === 'run'

const signals: Signals = {
  isService,
  isReloadAsked: false,
  reload: () => {
    signals.isReloadAsked = true
  },
  // Nothing is open yet, so there is nothing to finish.
  stop: () => process.exit(0),
}

// Whoever may send it would get a debugger, and with it the keys: Node opens a port for one unless somebody listens.
process.on('SIGUSR1', ignore)
if (isService) {
  process.on('SIGUSR2', ignore)
  process.on('SIGHUP', () => signals.reload())
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => signals.stop(name))
}

// What a start needs once only is neither optimised nor given room: an idle gateway would keep both, a fifth of the memory
// that it takes. What is loaded below is the most of it.
if (isService) {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  const thrifty = ['--no-opt', '--no-maglev', '--semi-space-growth-factor=1']
  for (const flag of thrifty) setFlagsFromString(flag)
}

const { startProcess } = await import('./cli/process.ts')
await startProcess(signals)
