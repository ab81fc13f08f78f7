import { createHash } from 'node:crypto'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import type { Domain } from '../../../src/address/domain.ts'
import { pageHtml, pagePolicy } from '../../../src/admin/page.ts'
import { pageScript } from '../../../src/admin/page-script.ts'
import { gatewayStatus } from '../../../src/admin/status.ts'
import { Meter } from '../../../src/lib/meter.ts'
import { limitsWith } from '../../../src/limits.ts'
import { failedDial } from '../../support/journal-contract.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { roomShares } from '../../support/room-shares.ts'
import { destination, link, ownDomain, runningWith } from './support.ts'

describe('the document', () => {
  test('loads nothing from anywhere', () => {
    expect(pageHtml).not.toMatch(/\b(src|href)="(?!\/status")|@import|url\(|https?:/)
    expect(pageHtml).not.toMatch(/ on\w+="| style="/)
  })

  test('fits a narrow screen', () => {
    expect(pageHtml).toContain('name="viewport" content="width=device-width')
    expect(pageHtml).toContain('@media (max-width')
  })

  test.for([
    ['script-src', /<script>([\s\S]*)<\/script>/],
    ['style-src', /<style>([\s\S]*)<\/style>/],
  ] as const)('its %s is exactly what the policy lets run', ([directive, pattern]) => {
    const text = pattern.exec(pageHtml)?.[1] ?? ''
    const hash = createHash('sha256').update(text).digest('base64')
    expect(pagePolicy).toContain(`${directive} 'sha256-${hash}'`)
    expect(pagePolicy).toContain("default-src 'none'")
    expect(pagePolicy).not.toContain('unsafe')
  })

  test('its script makes text, never HTML', () => {
    expect(pageScript).not.toMatch(/innerHTML|outerHTML|insertAdjacent|document\.write|eval\(/)
  })
})

/** As much of a browser as the script needs. */
class FakeElement {
  readonly name: string
  readonly dataset: Record<string, string> = {}
  readonly heard: Record<string, (event: { preventDefault(): void }) => void> = {}
  children: FakeElement[] = []
  className = ''
  value = ''
  hidden = false
  #text = ''

  constructor(name: string) {
    this.name = name
  }

  get textContent(): string {
    return this.#text + this.children.map((child) => child.textContent).join(' ')
  }

  set textContent(text: string) {
    this.#text = text
  }

  append(...children: FakeElement[]): void {
    this.children.push(...children)
  }

  replaceChildren(...children: FakeElement[]): void {
    this.children = children
  }

  addEventListener(event: string, listener: (event: { preventDefault(): void }) => void): void {
    this.heard[event] = listener
  }
}

type Reply = { readonly status: number; readonly body?: unknown }

async function openPage(reply: (token: string | undefined) => Reply) {
  const elements = new Map<string, FakeElement>()
  const byId = (id: string): FakeElement => {
    const element = elements.get(id) ?? new FakeElement(id)
    elements.set(id, element)
    return element
  }
  const kept = new Map<string, string>()
  let turn: () => void = () => undefined
  byId('entry').hidden = true
  runInNewContext(pageScript, {
    document: {
      hidden: false,
      getElementById: byId,
      createElement: (name: string) => new FakeElement(name),
    },
    sessionStorage: {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    },
    setInterval: (task: () => void) => {
      turn = task
    },
    fetch: async (_path: string, { headers }: { headers: Record<string, string> }) => {
      const { status, body } = reply(headers['authorization'])
      return { status, ok: status === 200, json: async () => body }
    },
  })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  await settle()
  return {
    byId,
    again: async () => {
      turn()
      await settle()
    },
    enter: async (token: string) => {
      byId('token').value = token
      byId('entry').heard['submit']?.({ preventDefault: () => undefined })
      await settle()
    },
  }
}

const now = 90_061_000
const status = () => {
  const meter = new Meter()
  meter.counter('messages_total', { direction: 'out', result: 'dns-failed' }).n = 12
  return gatewayStatus({
    running: runningWith({
      domains: [ownDomain('a.example', 20 * 86_400_000), ownDomain('old.example', -1)],
      destinations: [
        destination('c.test', 'backing-off', 'dns-failed'),
        destination('xn--bcher-kva.example', 'running'),
      ],
      links: [
        link('b.test', {
          link: {
            state: 'open',
            underWay: 0,
            queue: () => ({ count: 0, since: undefined }),
            hello: { software: '<img src=x onerror=alert(1)>' },
            channel: { facts: { remote: '192.0.2.7:5279' } },
          },
        }),
      ],
    }),
    readiness: {
      ready: false,
      reasons: [{ code: 'draining', text: 'The gateway is stopping.' }],
      warnings: [],
    },
    ...{ meter, software: 'gatehouse/0.1.0', startedAt: 0, now, wallMs: 0 },
  })
}

/** What the status says of the shares when time is scarce. */
async function overloaded() {
  const clock = new ManualClock()
  const shares = roomShares(limitsWith(), clock, ['b.example'])
  const peer = shares.domain('b.example', '')
  const names = Array.from({ length: 10 }, (_, n) => `s${n}.example`)
  for (let turn = 0; turn < 20; turn++) {
    shares.charge(shares.tree.user('alice@a.example'), 1)
    shares.charge(peer, 160)
    for (const [n, name] of names.entries())
      shares.charge(shares.domain(name, '203.0.113.0/24'), 4 + n / 10)
    clock.stall(220)
    await clock.advance(0)
  }
  shares.take(peer, 'bytes', 3000)
  shares.take(peer, 'lanes', 2)
  const { leftOut, ...told } = shares.report()
  return { shares: told, leftOut: { peers: 0, destinations: 0, links: 0, shares: leftOut } }
}

/** Peers of which some are failing, and a stranger who was refused. */
function peersOf(failing: readonly string[], all: readonly string[]) {
  const dial = failedDial('b.test' as Domain, { detail: 'refused' })
  const times = { times: 3, since: now - 120_000, at: now - 60_000 }
  const ok = { ...dial, cause: 'ok' as const, times: 1, since: 0, at: now - 600_000 }
  const proof = { ...dial, kind: 'proof', direction: 'in' } as const
  const claim = {
    ...proof,
    cause: 'credential-unverifiable',
    detail: '<b>no</b>',
    ...times,
  } as const
  return gatewayStatus({
    running: runningWith({
      ...{ failing, peers: { countsOf: () => ({ in: 5, out: 6, failed: 1 }) } },
      journal: {
        of: (name) => (name === 'x.test' ? [claim] : [ok, { ...dial, ...times }]),
        peers: () => all as Domain[],
        claimed: () => ['x.test' as Domain],
      },
    }),
    readiness: { ready: true, reasons: [], warnings: [] },
    ...{ meter: new Meter(), software: 'gatehouse/0.1.0', startedAt: 0, now, wallMs: now },
  })
}

describe('in a browser', () => {
  test('the page shows what /status says', async () => {
    const { byId } = await openPage(() => ({ status: 200, body: status() }))
    expect(byId('state').textContent).toBe('Not ready, up for 1 d')
    expect(byId('reasons').textContent).toBe('The gateway is stopping.')
    expect(byId('domains').textContent).toMatch(/a\.example messages, presence 20 d/)
    expect(byId('domains').textContent).toMatch(/old\.example .* expired 0 s ago/)
    expect(byId('destinations').textContent).toMatch(
      /c\.test a\.example messages backing-off dns-failed in 4 s/,
    )
    expect(byId('destinations').textContent).toContain('bücher.example (xn--bcher-kva.example)')
    expect(byId('links').textContent).toContain('b.test a.example certificate and key us 1 d')
    expect(byId('failures').textContent).toContain('dns-failed 12')
    expect(byId('limits').textContent).toBe('none')
    expect(byId('total').textContent).toContain('Messages out 12')
    expect(byId('now').textContent).not.toContain('Messages')
    expect(byId('all').hidden).toBe(false)
  })

  test('the page shows what is scarce, and who has more than its share', async () => {
    const body = { ...status(), ...(await overloaded()) }
    const { byId } = await openPage(() => ({ status: 200, body }))
    const [, rows] = byId('shares').children
    const [time, bytes] = rows?.children ?? []
    expect(time?.textContent).toMatch(/^time of the event loop \d+% .* scarce <1% \d+%, 1 over /)
    expect(time?.textContent).toMatch(/ \d+%, 1 over$/)
    expect(bytes?.textContent).toMatch(/^bytes that wait 3 KiB of \d+ MiB .*3 KiB/)
    const bars = rows?.children.map((row) => row.children[1]?.children[1])
    expect(bars?.every((bar) => bar?.name === 'meter')).toBe(true)
    expect(bars?.[1]).toMatchObject({ value: 3000, high: 0.85 * limitsWith().heldBytes })
    expect(byId('most').textContent).toMatch(
      /203\.0\.113\.0\/24: s9\.example, s8\.example, s7\.example and 7 more stranger \d+% – – time of the event loop/,
    )
    expect(byId('most').textContent).toMatch(
      /b\.example known \d+% 3 KiB lanes 2 time of the event loop/,
    )
  })

  test.for([
    ['the only peer', [], 'Ready, but the only peer cannot be reached, up for 1 d', 'bad'],
    ['one of two', ['c.test'], 'Ready, but 1 of 2 peers cannot be reached, up for 1 d', 'mid'],
  ] as const)('%s that is down is told beside "Ready"', async ([, more, words, kind]) => {
    const well = { ready: true, reasons: [], warnings: [] }
    const body = { ...peersOf(['b.test'], ['b.test', ...more]), ...well }
    const { byId } = await openPage(() => ({ status: 200, body }))
    expect([byId('state').textContent, byId('state').className]).toEqual([words, kind])
  })

  test('a peer shows since when, its last success and failure, whose side it is, and its messages', async () => {
    const body = peersOf(['b.test'], ['b.test'])
    const { byId } = await openPage(() => ({ status: 200, body }))
    expect(byId('peers').textContent).toMatch(
      /b\.test failing 2 min 10 min ago dial: remote-unreachable \(refused\), 3 times, last 1 min ago network 5 6 1$/,
    )
    expect(byId('refused').textContent).toMatch(
      /x\.test credential-unverifiable: <b>no<\/b> 3 2 min ago 1 min ago$/,
    )
  })

  test('what a peer says of itself stays text', async () => {
    const { byId } = await openPage(() => ({ status: 200, body: status() }))
    expect(byId('links').textContent).toContain('<img src=x onerror=alert(1)>')
  })

  test('each cell of a row names its column, for the narrow screen', async () => {
    const { byId } = await openPage(() => ({ status: 200, body: status() }))
    const [, body] = byId('destinations').children
    const names = body?.children[0]?.children.map(({ dataset }) => dataset['name'])
    expect(names).toEqual(['To', 'From', 'Service', 'State', 'Cause', 'Next try'])
  })

  test('where a token is needed it asks for it, and shows everything with it', async () => {
    const page = await openPage((token) =>
      token === 'Bearer right' ? { status: 200, body: status() } : { status: 401 },
    )
    const { byId, enter } = page
    expect([byId('entry').hidden, byId('state').textContent]).toEqual([false, 'A token is needed.'])
    await enter('wrong')
    expect(byId('state').textContent).toBe('This is not the token.')
    await enter('right')
    expect([byId('entry').hidden, byId('all').hidden]).toEqual([true, false])
    expect(byId('token').value).toBe('')
  })

  test('it says when the gateway is gone, and comes back by itself', async () => {
    let isUp = false
    const { byId, again } = await openPage(() => {
      if (!isUp) throw new Error('connection refused')
      return { status: 200, body: status() }
    })
    expect(byId('state').textContent).toBe('The gateway does not answer.')
    isUp = true
    await again()
    expect(byId('state').textContent).toContain('up for')
  })
})
