/** One presence change to 2 000 watchers of one domain: bytes on the link, and time to the last watcher. */
import { randomBytes } from 'node:crypto'
import { encodePublish } from '../../src/command/publish.ts'
import { encodeSubscribe } from '../../src/command/subscribe.ts'
import type { Children } from './children.ts'
import type * as gateway from './gateway-process.ts'
import { makeSite, raised, routed, type Site } from './gateway-site.ts'
import { monotonicUs, percentile, sleepMs } from './measure.ts'
import { ProbeUser } from './probe.ts'
import type { Figures } from './report.ts'
import type { OnStep } from './rounds.ts'

const watchers = 2000
const changes = 7
const warm = 2
const port = 25_479

const tag = (): string => randomBytes(16).toString('latin1')

export async function probeFanout(children: Children, onStep: OnStep): Promise<Figures> {
  const site = await makeSite(watchers + 1)
  try {
    onStep(`fan-out: ${watchers} watchers attach`)
    const a = await start(children, site, 'a', 'a.example', port, 'b.example', port + 1)
    const b = await start(children, site, 'b', 'b.example', port + 1, 'a.example', port)
    const [presentity, ...rest] = site.users
    const target = `${presentity?.name}@b.example`
    let seen = 0
    let lastUs = 0
    const users: ProbeUser[] = []
    for (const user of rest) {
      users.push(
        await ProbeUser.attach(a.facts.clientPort, user, 'a.example', () => {
          seen++
          lastUs = monotonicUs()
        }),
      )
    }
    const publisher = await ProbeUser.attach(
      b.facts.clientPort,
      presentity as Site['users'][number],
      'b.example',
      () => undefined,
    )
    onStep(`fan-out: ${watchers} subscriptions`)
    for (const user of users)
      expectOk(await user.ask('subscribe', encodeSubscribe(target, tag(), 3600), Buffer.alloc(0)))
    const bytes: number[] = []
    const ms: number[] = []
    let before: string | undefined
    for (let change = 0; change < changes; change++) {
      onStep(`fan-out: change ${change + 1} of ${changes}`)
      // A watcher gets at most one notification in `notifyMs`; the pace of changes is not what is measured.
      await sleepMs(2500)
      seen = 0
      const entityTag = tag()
      const note = `change ${change}`
      const document = Buffer.from(JSON.stringify({ tuples: { t1: { basic: 'open', note } } }))
      const linkBefore = await a.child.ask<number>('linkBytes', undefined, 5000)
      const startedUs = monotonicUs()
      expectOk(
        await publisher.ask(
          'publish',
          encodePublish({ entityTag, ifMatch: before, leaseSeconds: 3600 }),
          document,
        ),
      )
      before = entityTag
      for (const until = startedUs + 10e6; seen < watchers && monotonicUs() < until; )
        await sleepMs(1)
      if (seen < watchers) throw new Error(`${seen} of ${watchers} watchers saw the change`)
      await sleepMs(100)
      if (change < warm) continue
      bytes.push((await a.child.ask<number>('linkBytes', undefined, 5000)) - linkBefore)
      ms.push((lastUs - startedUs) / 1000)
    }
    for (const user of [...users, publisher]) user.close()
    return {
      'presence.watchers': watchers,
      'presence.linkBytes': percentile(bytes, 50),
      'presence.lastWatcherMs': percentile(ms, 50),
      'presence.lastWatcherMaxMs': percentile(ms, 100),
    }
  } finally {
    await site.remove()
  }
}

async function start(
  children: Children,
  site: Site,
  name: string,
  domain: string,
  ownPort: number,
  peer: string,
  peerPort: number,
) {
  const plan = { ...routed(domain, ownPort, peer, peerPort), limits: raised }
  return children.start<gateway.Facts>(new URL('./gateway-process.ts', import.meta.url), {
    config: await site.configure(name, plan),
  } satisfies gateway.Settings)
}

function expectOk(status: number): undefined {
  // 0: ok, 4: pending.
  if (status !== 0 && status !== 4) throw new Error(`status ${status}`)
}
