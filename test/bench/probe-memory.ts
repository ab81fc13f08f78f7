/**
 * Memory of the compiled program, as it is installed: idle, and for each idle link.
 *
 * The links are those of one peer with a pinned key: proven, open, and silent.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseDomain } from '../../src/address/domain.ts'
import { encodeProve } from '../../src/command/prove.ts'
import { generateKeyPair } from '../../src/credential/ed25519.ts'
import { createSigner } from '../../src/credential/sign.ts'
import { encodeBase64url } from '../../src/lib/base64url.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import type { Channel } from '../../src/link/channel.ts'
import { dialTls } from '../../src/link/dial-socket.ts'
import { trustIn } from '../../src/link/tls.ts'
import { FrameReader } from '../../src/wire/reader.ts'
import { commands, frame } from '../../src/wire/registry.ts'
import { makeSite, raised } from './gateway-site.ts'
import { makeFrame, requestPayload } from './gateway-user.ts'
import { percentile, rssMiB, sleepMs } from './measure.ts'
import type { Figures } from './report.ts'
import type { OnStep } from './rounds.ts'

const links = 400
const port = 25_579
const root = join(import.meta.dirname, '../..')

export async function probeMemory(onStep: OnStep): Promise<Figures> {
  onStep('memory: compile')
  await finished(
    spawn(process.execPath, [join(root, 'test/build.ts')], { cwd: root, stdio: ['ignore', 2, 2] }),
  )
  const site = await makeSite(1)
  const peerKey = generateKeyPair(systemRandom)
  const config = await site.configure('m', {
    domains: ['m.example'],
    port,
    routes: {},
    dnsServer: undefined,
    limits: {
      ...raised,
      handshakesPerAddress: 100_000,
      idleMs: 3_600_000,
    },
    pinned: { 'p.example': [peerKey.publicKey.x] },
  })
  const text = JSON.parse(await readFile(config, 'utf8'))
  text.log = { level: 'error' }
  await writeFile(config, JSON.stringify(text))
  onStep('memory: start')
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), 'run', '--config', config], {
    stdio: ['ignore', 'ignore', 2],
  })
  try {
    const pid = child.pid ?? 0
    await sleepMs(4000)
    const idle = rssMiB(pid)
    const open: Channel[] = []
    // A first batch lets the heap reach its working size; the second is what a link costs.
    await openLinks(open, site.ca.certificatePem, peerKey, 100)
    await sleepMs(3000)
    const before = rssMiB(pid)
    onStep(`memory: ${links} idle links`)
    await openLinks(open, site.ca.certificatePem, peerKey, links - 100)
    await sleepMs(4000)
    const after: number[] = []
    for (let i = 0; i < 5; i++) {
      after.push(rssMiB(pid))
      await sleepMs(400)
    }
    for (const channel of open) channel.destroy()
    return {
      'memory.idleMiB': idle,
      'memory.idleLinkKiB': ((percentile(after, 50) - before) * 1024) / (links - 100),
    }
  } finally {
    child.kill('SIGKILL')
    await site.remove()
  }
}

async function openLinks(
  open: Channel[],
  caPem: string,
  key: ReturnType<typeof generateKeyPair>,
  count: number,
): Promise<undefined> {
  const limits = limitsWith()
  const trust = trustIn([caPem])
  const domain = parseDomain('m.example')
  const signer = createSigner({
    domain: 'p.example',
    linkKey: key,
    userKey: key,
    clock: systemClock,
    random: systemRandom,
    limits,
  })
  for (let i = 0; i < count; i++) {
    const { signal } = new AbortController()
    const channel = await dialTls({
      ip: '127.0.0.1',
      port,
      domain,
      service: 'im',
      trust,
      limits,
      clock: systemClock,
      signal,
    })
    open.push(channel)
    await prove(channel, (binding) =>
      signer.signLink({ aud: 'm.example', cb: encodeBase64url(binding) }),
    )
  }
}

/** HELLO and PROVE; then silence. */
function prove(channel: Channel, assert: (binding: Buffer) => string): Promise<undefined> {
  const nonce = encodeBase64url(systemRandom.bytes(32))
  const hello = {
    version: 1,
    role: 'gateway',
    domain: 'p.example',
    software: 'bench',
    boot: nonce,
    state: '',
    nonce,
  }
  return new Promise((resolve, reject) => {
    const reader = new FrameReader(16_384, (type, _flags, id, buffer, start) => {
      if (type === frame.response && id === 1) {
        if (buffer.readUInt16BE(start) === 0) resolve(undefined)
        else reject(new Error(`PROVE: status ${buffer.readUInt16BE(start)}`))
      }
      return true
    })
    channel.start({
      data: (chunk) => {
        reader.push(chunk)
      },
      drained: () => undefined,
      closed: (detail) => reject(new Error(detail)) as undefined,
    })
    const fields = encodeProve(assert(channel.facts.binding as Buffer))
    channel.write([
      makeFrame(frame.hello, 0, 0, Buffer.from(JSON.stringify(hello))),
      makeFrame(
        frame.request,
        0,
        1,
        requestPayload(commands.prove.number, fields, Buffer.alloc(0)),
      ),
    ])
  })
}

async function finished(child: ReturnType<typeof spawn>): Promise<undefined> {
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`the build ended with ${code}`)
}
