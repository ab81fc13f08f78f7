/** The admin port of a real process, asked by many at once: who asks properly is answered, and the loop stays free. */
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { describe, expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from '../support/cli-host.ts'
import { gateway, site } from '../support/sites.ts'

const floods = 60
const host = '127.0.0.1'

/** A connection that asks without waiting for an answer, and comes again when it is closed. */
function flood(port: number, text: string): { readonly stop: () => void; answers: () => number } {
  let answers = 0
  let isOver = false
  let socket: Socket
  const go = (): void => {
    socket = connect(port, host)
    socket.on('connect', () => socket.write(text.repeat(2000)))
    socket.on('data', (chunk: Buffer) => {
      answers += chunk.toString('latin1').split('HTTP/1.1 200').length - 1
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      if (!isOver) setTimeout(go, 5)
    })
  }
  go()
  const stop = (): void => {
    isOver = true
    socket.destroy()
  }
  onTestFinished(stop)
  return { stop, answers: () => answers }
}

async function probe(port: number, path: string): Promise<readonly [status: number, ms: number]> {
  const before = performance.now()
  const sent = request({ host, port, path, agent: false }).end()
  const [response] = await once(sent, 'response')
  response.resume()
  await once(response, 'end')
  return [response.statusCode, performance.now() - before]
}

describe('sixty connections of pipelined requests', () => {
  test('are answered at the rate of the port, and a probe at once', {
    timeout: 60_000,
  }, async () => {
    const { admin: port, ...a } = await site(await temporaryFolder(), 'a.example')
    await gateway({ ...a, admin: port })
    const all = Array.from({ length: floods }, () =>
      flood(port, 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'),
    )
    const started = performance.now()
    const probes: (readonly [number, number])[] = []
    for (let n = 0; n < 40; n++) {
      probes.push(await probe(port, '/healthz'))
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const seconds = (performance.now() - started) / 1000
    for (const { stop } of all) stop()
    expect(new Set(probes.map(([status]) => status))).toEqual(new Set([200]))
    const slow = probes.map(([, ms]) => ms).sort((x, y) => x - y)[36] as number
    expect(slow).toBeLessThan(250)
    const answered = all.reduce((sum, { answers }) => sum + answers(), 0)
    // 100 at once and 100 a second.
    expect(answered).toBeLessThan(100 * (seconds + 3))
  })
})
