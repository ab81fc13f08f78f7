/**
 * Which functions of `src/` are called while something happens: V8's precise coverage of this process.
 *
 * Out:   `file.ts: name` for each of them.
 */
import { type Profiler, Session } from 'node:inspector'

export async function calledWhile(act: () => Promise<void>): Promise<readonly string[]> {
  const session = new Session()
  session.connect()
  try {
    await post(session, 'Profiler.enable')
    await post(session, 'Profiler.startPreciseCoverage', { callCount: true, detailed: false })
    // What was called before does not count.
    await take(session)
    await act()
    return (await take(session)).flatMap(({ url, functions }) => {
      const [, file] = url.match(/\/src\/([\w/-]+\.ts)/) ?? []
      return file === undefined
        ? []
        : functions
            .filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
            .map(({ functionName }) => `${file}: ${functionName || 'a function without a name'}`)
    })
  } finally {
    session.disconnect()
  }
}

const post = (session: Session, method: string, params: object = {}): Promise<object> =>
  new Promise((resolve, reject) => {
    session.post(method, params, (error, result) =>
      error === null ? resolve(result ?? {}) : reject(error),
    )
  })

async function take(session: Session): Promise<readonly Profiler.ScriptCoverage[]> {
  const taken = await post(session, 'Profiler.takePreciseCoverage')
  return (taken as Profiler.TakePreciseCoverageReturnType).result
}
