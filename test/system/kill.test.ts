/** Gateways that end without a word: what senders are told, and how soon the pair talks again. */
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as elapsed } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeAddress } from '../../src/address/address.ts'
import { type Client, connectClient, type SendResult } from '../../src/client/client.ts'
import { generateKeyPair } from '../../src/credential/ed25519.ts'
import { createSigner } from '../../src/credential/sign.ts'
import { scrape } from '../../src/demo/metrics.ts'
import { createWorld, type Place, type World } from '../../src/demo/world.ts'
import { isSuccess } from '../../src/errors.ts'
import { systemClock as clock } from '../../src/lib/clock.ts'
import { systemRandom as random } from '../../src/lib/random.ts'
import { limitsWith } from '../../src/limits.ts'
import { scopes } from '../../src/wire/registry.ts'
import { temporaryFolder } from '../support/cli-host.ts'
import { type Process, start } from '../support/gatehouse.ts'

/** Of the issue: from the restart to the first message across. */
const recoveryMs = 5000

/** Senders are not to be slowed down here. */
const rates = ['peer', 'sender', 'lane'].map(
  (who) => `${who}PerSecond: 100000, ${who}Burst: 100000`,
)

/** Two domains with real DNS and TLS on this machine. */
async function twoDomains(): Promise<World> {
  const world = await createWorld(await temporaryFolder(), { clock, random })
  onTestFinished(async () => {
    await world.dns.close()
  })
  for (const { configFile } of [world.a, world.b]) {
    const text = await readFile(configFile, 'utf8')
    await writeFile(configFile, text.replace(/^#limits: .*$/m, `limits: {${rates.join(', ')}}`))
  }
  return world
}

async function gateway({ configFile }: Place): Promise<Process> {
  const started = start(['run', '--config', configFile])
  await started.line(({ event }) => event === 'gateway.started')
  return started
}

/** A user of a domain, and how often its session was shown each message. */
class User {
  readonly client: Client
  readonly shown: ReadonlyMap<string, number>

  private constructor(client: Client, shown: ReadonlyMap<string, number>) {
    this.client = client
    this.shown = shown
  }

  static async attach(
    name: string,
    { domain, key, address, clientPort }: Place,
    {
      ca,
      ...options
    }: { readonly ca: string; readonly lifeMs?: number; readonly repeat?: boolean },
  ): Promise<User> {
    const user = makeAddress(name, domain)
    const own = generateKeyPair(random)
    const keys = { domain, linkKey: key, userKey: key }
    const signer = createSigner({ ...keys, clock, random, limits: limitsWith() })
    const facts = { sub: user, aud: domain, scope: scopes, seconds: undefined }
    const shown = new Map<string, number>()
    const client = await connectClient({
      ...{ user, key: own, host: address, port: clientPort, ca: [ca], ...options },
      credential: async () => signer.signCredential({ ...facts, jkt: own.publicKey.thumbprint }),
      // Slow to confirm: at any time there are many that were shown and whose senders do not know it yet.
      onMessage: async ({ id }) => {
        shown.set(id, (shown.get(id) ?? 0) + 1)
        await elapsed(50)
      },
    })
    onTestFinished(async () => {
      await client.close()
    })
    return new User(client, shown)
  }
}

type Sent = SendResult & { readonly to: User; readonly at: number }

/** Users of one domain who keep on writing to those of the other one. */
class Stream {
  readonly sent: Sent[] = []
  /** Messages without an answer. */
  underWay = 0
  #isOver = false
  #looks: (() => void)[] = []

  constructor(from: readonly User[], to: readonly User[]) {
    // One message more than a lane lets go, so that there is always one that waits as well.
    for (const sender of from) {
      for (const recipient of to) for (let n = 0; n < 17; n++) void this.#keepOn(sender, recipient)
    }
  }

  async #keepOn({ client }: User, to: User): Promise<undefined> {
    while (!this.#isOver) {
      this.underWay++
      const result = await client.send({ to: to.client.user, body: 'x'.repeat(200) })
      this.underWay--
      this.sent.push({ ...result, to, at: performance.now() })
      for (const look of this.#looks.splice(0)) look()
      // What is refused at once is not asked for again in the same breath.
      if (!isSuccess(result.status)) await elapsed(20)
    }
  }

  /** The first message after `since` for which `fits` holds, by the time of its answer. */
  async next(since: number, fits: (sent: Sent) => boolean): Promise<Sent> {
    for (let from = 0; ; ) {
      for (; from < this.sent.length; from++) {
        const one = this.sent[from] as Sent
        if (one.at >= since && fits(one)) return one
      }
      await new Promise<void>((resolve) => this.#looks.push(resolve))
    }
  }

  /** Resolves when `count` more messages were delivered. */
  async delivered(count: number): Promise<undefined> {
    const since = performance.now()
    let n = 0
    await this.next(since, (one) => isDelivered(one) && ++n >= count)
    return undefined
  }

  async end(): Promise<undefined> {
    this.#isOver = true
    while (this.underWay > 0) await new Promise<void>((resolve) => this.#looks.push(resolve))
    return undefined
  }
}

const isDelivered = ({ status }: SendResult): boolean => status === 'delivered'

/** What was said of messages that is not so. */
function lies({ sent }: Stream): readonly string[] {
  return sent.flatMap(({ id, status, to }) => {
    const times = to.shown.get(id) ?? 0
    if (times > 1) return `${id} ${status}: shown ${times} times`
    if (status === 'delivered' && times === 0) return `${id}: delivered, and not shown`
    if (status !== 'delivered' && status !== 'unknown-outcome' && times > 0)
      return `${id}: ${status}, and shown`
    return []
  })
}

const tally = ({ sent }: Stream): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(Object.groupBy(sent, ({ status }) => status)).map(([status, all]) => [
      status,
      all.length,
    ]),
  )

/** Three that ask again for a short time, for a long one and never. */
const threeUsers = (place: Place, { ca }: World): Promise<readonly User[]> =>
  Promise.all([
    User.attach('brief', place, { ca, lifeMs: 2000 }),
    User.attach('patient', place, { ca, lifeMs: 20_000 }),
    User.attach('resigned', place, { ca, lifeMs: 2000, repeat: false }),
  ])

describe('a gateway that is killed while messages flow', () => {
  test.for(['a', 'b'] as const)(
    'leaves honest answers, and the pair talks again within 5 s: that of %s.example',
    async (killed) => {
      const world = await twoDomains()
      const running = { a: await gateway(world.a), b: await gateway(world.b) }
      const [ours, theirs] = await Promise.all([
        threeUsers(world.a, world),
        threeUsers(world.b, world),
      ])
      const streams = [new Stream(ours, theirs), new Stream(theirs, ours)]
      await Promise.all(streams.map((stream) => stream.delivered(1000)))
      for (const { underWay } of streams) expect(underWay).toBeGreaterThan(100)

      const since = performance.now()
      running[killed].signal('SIGKILL')
      await running[killed].ended
      // It stays away until senders on both sides were told that nobody knows, and that nothing goes.
      const isFailed = ({ status }: Sent) => !['delivered', 'unknown-outcome'].includes(status)
      const isUnknown = ({ status }: Sent) => status === 'unknown-outcome'
      for (const fits of [isUnknown, isFailed]) {
        await Promise.all(streams.map((stream) => stream.next(since, fits)))
      }
      await gateway(world[killed])
      const restarted = performance.now()
      const firsts = await Promise.all(streams.map((stream) => stream.next(restarted, isDelivered)))
      await Promise.all(streams.map((stream) => stream.delivered(500)))
      await Promise.all(streams.map((stream) => stream.end()))

      const waits = firsts.map(({ at }) => Math.round(at - restarted))
      const figures = { awayMs: Math.round(restarted - since), waits, told: streams.map(tally) }
      expect(streams.flatMap(lies), JSON.stringify(figures)).toEqual([])
      expect(Math.max(...waits), JSON.stringify(figures)).toBeLessThan(recoveryMs)
    },
  )
})

describe('two gateways that never met', () => {
  /** Two that just started, a user of each, and how soon the messages arrive that these send at once. */
  async function firstWords(sides: readonly (0 | 1)[]) {
    const world = await twoDomains()
    const places = [world.a, world.b] as const
    await Promise.all(places.map(gateway))
    const { ca } = world
    const [alice, bob] = await Promise.all([
      User.attach('alice', world.a, { ca }),
      User.attach('bob', world.b, { ca }),
    ])
    const users = [alice, bob] as const
    const say = async (side: 0 | 1): Promise<number> => {
      const started = performance.now()
      const to = users[1 - side]?.client.user ?? ''
      const { status } = await users[side].client.send({ to, body: 'first' })
      expect(status).toBe('delivered')
      return Math.round(performance.now() - started)
    }
    const ms = await Promise.all(sides.map(say))
    const metrics = () =>
      Promise.all(places.map(({ address, adminPort }) => scrape(address, adminPort)))
    return { ms: Math.max(...ms), metrics }
  }

  test('and dial each other at the same moment end with one link, without a wait', async () => {
    const { ms: alone } = await firstWords([0])
    // The shortest wait before a second dial would be more than this, every time.
    const least = limitsWith().redialMs * 0.8
    let { ms, metrics } = await firstWords([0, 1])
    for (let more = 2; more > 0 && ms - alone >= least; more--) {
      ;({ ms, metrics } = await firstWords([0, 1]))
    }
    expect(ms - alone).toBeLessThan(least)
    for (const all of await metrics()) {
      expect(all.sum('connect_attempts_total', { result: 'ok' })).toBeGreaterThan(0)
      expect(all.sum('connect_attempts_total', {}, { result: 'ok' })).toBe(0)
    }
    const links = async () =>
      (await metrics()).map((all) => all.sum('link_connections', { role: 'gateway' }))
    while ((await links()).some((count) => count > 1));
    expect(await links()).toEqual([1, 1])
  })
})
