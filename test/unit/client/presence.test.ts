import { describe, expect, test } from 'vitest'
import type { Client } from '../../../src/client/client.ts'
import type { PresenceDocument, PresenceNotice } from '../../../src/client/presence.ts'
import type { Notify } from '../../../src/command/notify.ts'
import type { Status } from '../../../src/errors.ts'
import { limitsWith } from '../../../src/limits.ts'
import { fields } from '../../../src/wire/registry.ts'
import { encodeVersion } from '../../../src/wire/version.ts'
import type { Recorded, Reply, ScriptedGateway } from '../../support/scripted-gateway.ts'
import { attached, bob, watched } from './support.ts'

const open: PresenceDocument = { tuples: { laptop: { basic: 'open' } } }
const away: PresenceDocument = { tuples: { laptop: { basic: 'open', note: 'away' } } }
const hour = 3_600_000
const { requestMs } = limitsWith()

const leased = (seconds: number, status: Status = 'ok'): Reply => ({
  status,
  fields: [[fields.lease.tag, seconds]],
})

/** A publication or subscription request, short: which fields it has, and its body. */
function shortOf({ fields: table, body }: Recorded): Record<string, string | number> {
  const short: Record<string, string | number> = {}
  const tag = table.get(fields.entityTag.tag)
  const match = table.get(fields.ifMatch.tag)
  const lease = table.get(fields.lease.tag)
  if (tag !== undefined) short['tag'] = tag.toString('hex')
  if (match !== undefined) short['match'] = match.toString('hex')
  if (lease !== undefined) short['lease'] = lease.readUInt32BE()
  if (body !== '') short['body'] = body
  return short
}

const publishes = (gateway: ScriptedGateway) => gateway.asked('publish').map(shortOf)

describe('publishing', () => {
  test('makes, changes, keeps and takes back one publication', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(3600)
    const made = watched(client.publish(open, { lease: 3600 }))
    await clock.advance(0)
    expect(made.value()).toMatchObject({ status: 'ok', leaseSeconds: 3600 })
    void client.publish(away, { lease: 3600 })
    await clock.advance(0)
    await clock.advance(0.59 * hour)
    expect(gateway.asked('publish').length).toBe(2)
    await clock.advance(0.22 * hour)
    gateway.reply = () => leased(0)
    const gone = watched(client.publish(null))
    await clock.advance(0)
    expect(gone.value()).toMatchObject({ status: 'ok', leaseSeconds: 0 })
    const [first, second, third, fourth] = publishes(gateway)
    expect(first).toEqual({ tag: expect.any(String), lease: 3600, body: JSON.stringify(open) })
    expect(second).toEqual({
      tag: expect.not.stringMatching(String(first?.['tag'])),
      match: first?.['tag'],
      lease: 3600,
      body: JSON.stringify(away),
    })
    expect(third).toEqual({ match: second?.['tag'], lease: 3600 })
    expect(fourth).toEqual({ match: second?.['tag'], lease: 0 })
    await clock.advance(hour)
    expect(gateway.asked('publish').length).toBe(4)
  })

  test('what another client published is replaced and taken back by its entity-tag', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(3600)
    const theirs = 'ab'.repeat(16)
    expect(await client.publish(open, { replaces: 'nothing' })).toMatchObject({
      status: 'bad-request',
      entityTag: undefined,
    })
    const made = watched(client.publish(open, { replaces: theirs }))
    await clock.advance(0)
    const [first] = publishes(gateway)
    expect(first).toMatchObject({ match: theirs, tag: made.value()?.entityTag })
    // What this client holds itself goes before.
    const gone = watched(client.publish(null, { replaces: theirs }))
    await clock.advance(0)
    expect(publishes(gateway)[1]).toEqual({ match: first?.['tag'], lease: 0 })
    expect(gone.value()).toMatchObject({ status: 'ok', entityTag: undefined })
    void client.publish(null, { replaces: theirs })
    await clock.advance(0)
    expect(publishes(gateway)[2]).toEqual({ match: theirs, lease: 0 })
  })

  test('taking back nothing is done at once', async () => {
    const { client, gateway } = await attached()
    expect(await client.publish(null)).toMatchObject({ status: 'ok', leaseSeconds: 0 })
    expect(gateway.asked('publish')).toEqual([])
  })

  test('a reconnect refreshes it, and makes it again where the gateway has lost it', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(3600)
    await Promise.all([client.publish(open, { lease: 3600 }), clock.advance(0)])
    gateway.reply = ({ fields: table }) =>
      table.has(fields.ifMatch.tag) ? { status: 'lease-unknown' } : leased(3600)
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    const [first, second, third] = publishes(gateway)
    expect(second).toEqual({ match: first?.['tag'], lease: 3600 })
    expect(third).toEqual({ ...first, tag: expect.any(String) })
    gateway.reply = () => leased(3600)
    await clock.advance(0.85 * hour)
    expect(publishes(gateway)[3]).toEqual({ match: third?.['tag'], lease: 3600 })
  })

  test('a request without an answer is repeated as it was', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const made = watched(client.publish(open))
    await clock.advance(0)
    gateway.link.pair.cut('both')
    gateway.reply = () => leased(3600)
    await clock.advance(1000)
    const [first, second] = publishes(gateway)
    expect(second).toEqual(first)
    expect(made.value()?.status).toBe('ok')
  })

  test.each([
    ['remote-timeout', 'a gateway that does not answer'],
    ['link-lost', 'a gateway that is away'],
  ] as const)('%s is told of %s, and it is tried on', async (status, what) => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    if (what === 'a gateway that is away') {
      gateway.dialFault = new Error('away')
      gateway.link.pair.cut('both')
      await clock.advance(0)
    }
    const made = watched(client.publish(open))
    await clock.advance(requestMs + 2000)
    expect(made.value()).toMatchObject({ status, leaseSeconds: 0 })
    gateway.dialFault = undefined
    gateway.reply = () => leased(3600)
    await clock.advance(60_000)
    const held = publishes(gateway).at(-1)
    const changed = watched(client.publish(away))
    await clock.advance(0)
    expect(changed.value()?.status).toBe('ok')
    expect(publishes(gateway).at(-1)).toMatchObject({ match: held?.['tag'] })
  })

  test('changes that come while one is under way are one change, and all are told', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const first = watched(client.publish(open))
    await clock.advance(0)
    const others = [watched(client.publish(open)), watched(client.publish(away))]
    gateway.reply = () => leased(600)
    const [request] = gateway.asked('publish')
    if (request !== undefined) gateway.answer(request, leased(300))
    await clock.advance(0)
    expect(first.value()?.leaseSeconds).toBe(300)
    expect(others.map(({ value }) => value()?.leaseSeconds)).toEqual([600, 600])
    expect(publishes(gateway).map(({ body }) => body)).toEqual(
      [open, away].map((d) => JSON.stringify(d)),
    )
  })

  test('what may pass is told and tried again; a newer change takes its place', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(1800)
    await Promise.all([client.publish(away), clock.advance(0)])
    gateway.reply = () => ({ status: 'busy' })
    const made = watched(client.publish(open))
    await clock.advance(0)
    expect(made.value()).toMatchObject({ status: 'busy', leaseSeconds: 1800 })
    await clock.advance(2000)
    const before = gateway.asked('publish').length
    expect(before).toBeGreaterThan(2)
    gateway.reply = () => leased(3600)
    const newer = watched(client.publish(away))
    await clock.advance(0)
    expect(newer.value()?.status).toBe('ok')
    await clock.advance(10_000)
    expect(
      publishes(gateway)
        .slice(before)
        .map(({ body }) => body),
    ).toEqual([JSON.stringify(away)])
  })

  test('a lease that is too short becomes the shortest that is granted', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = ({ fields: table }) => {
      const seconds = table.get(fields.lease.tag)?.readUInt32BE() ?? 0
      return seconds < 300 ? leased(300, 'lease-too-short') : leased(seconds)
    }
    const made = watched(client.publish(open, { lease: 10 }))
    await clock.advance(0)
    expect(made.value()).toMatchObject({ status: 'ok', leaseSeconds: 300 })
    expect(publishes(gateway).map(({ lease }) => lease)).toEqual([10, 300])
    gateway.reply = () => leased(300, 'lease-too-short')
    const stubborn = watched(client.publish(away, { lease: 300 }))
    await clock.advance(0)
    expect(stubborn.value()?.status).toBe('lease-too-short')
    await clock.advance(hour)
  })

  test('a refused change leaves what was published before', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(3600)
    await Promise.all([client.publish(open), clock.advance(0)])
    gateway.reply = () => ({ status: 'too-large' })
    const changed = watched(client.publish(away))
    await clock.advance(0)
    expect(changed.value()).toMatchObject({ status: 'too-large', leaseSeconds: 3600 })
    gateway.reply = () => leased(3600)
    await clock.advance(0.85 * hour)
    expect(publishes(gateway)[2]).toEqual({ match: publishes(gateway)[0]?.['tag'] })
  })

  test('a change of what the gateway has lost makes it anew', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(3600)
    await Promise.all([client.publish(open), clock.advance(0)])
    gateway.reply = ({ fields: table }) =>
      table.has(fields.ifMatch.tag) ? { status: 'precondition-failed' } : leased(600)
    const changed = watched(client.publish(away, { lease: 600 }))
    await clock.advance(0)
    expect(changed.value()).toMatchObject({ status: 'ok', leaseSeconds: 600 })
    expect(publishes(gateway)[2]).toEqual({
      tag: expect.any(String),
      lease: 600,
      body: JSON.stringify(away),
    })
  })

  test('taking back what the gateway has lost is done, and stays done', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(3600)
    await Promise.all([client.publish(open), clock.advance(0)])
    gateway.reply = () => ({ status: 'lease-unknown' })
    const gone = watched(client.publish(null))
    await clock.advance(0)
    expect(gone.value()).toMatchObject({ status: 'ok', leaseSeconds: 0 })
    gateway.link.pair.cut('both')
    await clock.advance(2 * hour)
    expect(gateway.asked('publish').length).toBe(2)
  })

  test('a refresh that is refused for good is the end of it, and logged', async () => {
    const events: string[] = []
    const note = (event: string): undefined => void events.push(event) as undefined
    const log = { debug: note, info: note, warn: note, error: note }
    const { client, clock, gateway } = await attached({ log })
    gateway.reply = () => leased(3600)
    await Promise.all([client.publish(open), clock.advance(0)])
    gateway.reply = () => ({ status: 'credential-scope' })
    await clock.advance(3 * hour)
    expect(gateway.asked('publish').length).toBe(2)
    expect(events).toEqual(['client.publication-lost'])
  })

  test('closing tells everybody who waits for a change', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const changes = [open, away].map((document) => watched(client.publish(document)))
    await clock.advance(0)
    void client.close()
    await clock.advance(0)
    expect(changes.map(({ value }) => value()?.status)).toEqual(['link-stopped', 'link-stopped'])
  })
})

describe('a document', () => {
  test.for([
    [
      'a contact',
      { tuples: { a: { contact: 'here' } } },
      'tuples.a.contact: expected a URI such as',
    ],
    ['a status', { tuples: { a: { basic: 'away' as 'open' } } }, 'tuples.a.basic: expected "open"'],
    ['a priority', { tuples: { a: { priority: 2 } } }, 'expected a number from 0 to 1, found 2'],
    ['the id of a tuple', { tuples: { '1': { note: 'x' } } }, 'found "1"'],
    ['no tuple', { tuples: {} }, 'expected a tuple, found none'],
  ] as const)('that is wrong is not sent, and its member and form are named: %s', async (row) => {
    const [, document, says] = row
    const { client, gateway } = await attached()
    const { status, text } = await client.publish(document)
    expect(status).toBe('bad-request')
    expect(text).toContain(says)
    expect(gateway.asked('publish')).toEqual([])
  })

  test('that is too large says by how much', async () => {
    const { client } = await attached()
    const { status, text } = await client.publish({ tuples: { a: { note: 'x'.repeat(9000) } } })
    expect(status).toBe('too-large')
    expect(text).toMatch(/at most 8192 bytes \(limits\.presenceBytes\), found 90\d\d$/)
  })

  test('that is wrong leaves what was published before, and says so', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => leased(1800)
    const made = watched(client.publish(open))
    await clock.advance(0)
    const wrong = await client.publish({ tuples: {} })
    expect(wrong).toMatchObject({ leaseSeconds: 1800, entityTag: made.value()?.entityTag })
  })
})

describe('the time that was given', () => {
  test.for([3000, 40_000])('is kept to by a publication: %i ms', async (lifeMs) => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const made = watched(client.publish(open, { lifeMs }))
    await clock.advance(lifeMs - 1)
    expect(made.value()).toBeUndefined()
    await clock.advance(1)
    expect(made.value()?.status).toBe('remote-timeout')
  })

  test.for([3000, 29_000])('is kept to by a fetch: %i ms', async (lifeMs) => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    const fetched = watched(client.fetch(bob, { lifeMs }))
    await clock.advance(lifeMs - 1)
    expect(fetched.value()).toBeUndefined()
    await clock.advance(1)
    expect(fetched.value()?.status).toBe('remote-timeout')
    const [asked] = gateway.asked('fetch')
    if (asked !== undefined) gateway.answer(asked, { status: 'ok' })
    await clock.advance(10)
    await client.close()
    await clock.advance(10_000)
    expect(clock.pending).toBe(0)
  })
})

describe('fetching', () => {
  test('gives document and version', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({
      status: 'ok',
      fields: [[fields.version.tag, encodeVersion({ epoch: 3, seq: 4 })]],
      body: Buffer.from(JSON.stringify(away)),
    })
    const fetched = watched(client.fetch(bob))
    await clock.advance(0)
    expect(fetched.value()).toMatchObject({
      status: 'ok',
      document: away,
      version: { epoch: 3, seq: 4 },
    })
    expect(gateway.asked('fetch')[0]).toMatchObject({ to: bob, trafficClass: 2 })
  })

  test('a refusal is a value, and so is an address that is none', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'refused' })
    const fetched = watched(client.fetch(bob))
    await clock.advance(0)
    expect(fetched.value()).toMatchObject({ status: 'refused', document: undefined })
    expect((await client.fetch('bob')).status).toBe('bad-address')
  })

  test('waits for a link, asks again over a lost one, and gives up in time', async () => {
    const { client, clock, gateway } = await attached({ lifeMs: 10_000 })
    gateway.reply = () => 'later'
    const fetched = watched(client.fetch(bob))
    await clock.advance(0)
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    expect(gateway.asked('fetch').length).toBe(2)
    gateway.dialFault = new TypeError('down')
    gateway.link.pair.cut('both')
    await clock.advance(8000)
    expect(fetched.value()).toBeUndefined()
    await clock.advance(2000)
    expect(fetched.value()?.status).toBe('link-lost')
    gateway.dialFault = undefined
    await clock.advance(20_000)
    expect(client.state).toBe('attached')
    expect(gateway.asked('fetch').length).toBe(2)
  })
})

describe('asking for a credential', () => {
  test('gives the token', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'ok', fields: [[fields.token.tag, 'a.b.c']] })
    const issued = watched(client.issue({ audience: 'b.example', scope: ['im.send'] }))
    await clock.advance(0)
    expect(issued.value()).toBe('a.b.c')
    const [request] = gateway.asked('issue')
    expect(request?.fields.get(fields.audience.tag)?.toString()).toBe('b.example')
    expect(request?.fields.get(fields.scope.tag)?.toString()).toBe('im.send')
  })

  test('rejects with the code of a refusal', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'credential-scope' })
    const issued = watched(client.issue({ audience: 'b.example', scope: [] }))
    await clock.advance(0)
    expect(issued.error()).toMatchObject({ name: 'GatewayError', code: 'credential-scope' })
  })
})

/** Subscribes to bob and keeps what is shown. */
async function watching(options: { readonly lease?: number } = {}) {
  const set = await attached()
  set.gateway.reply = () => leased(3600)
  const notices: PresenceNotice[] = []
  const subscription = set.client.subscribe(bob, (notice) => notices.push(notice), options)
  await set.clock.advance(0)
  const notify = async (change: Partial<Notify>, document = '', from = bob): Promise<void> => {
    const state = change.state ?? 'active'
    const whole = { subscription: idOf(set.gateway), version: undefined, event: undefined, state }
    set.gateway.link.notify(from, { ...whole, ...change }, document)
    await set.clock.advance(0)
  }
  return { ...set, notices, subscription, notify }
}

/** Id of the last SUBSCRIBE, one character a byte. */
const idOf = (gateway: ScriptedGateway): string =>
  gateway.asked('subscribe').at(-1)?.fields.get(fields.subscription.tag)?.toString('latin1') ?? ''

const version = (epoch: number, seq: number) => ({ version: { epoch, seq } })
const shownOf = (notices: readonly PresenceNotice[]) =>
  notices.map(({ state, version: of, reason }) => `${state} ${of?.seq ?? '-'} ${reason ?? '-'}`)

describe('watching', () => {
  test('a document is shown as it comes, old versions are not', async () => {
    const { gateway, notices, notify, subscription } = await watching({ lease: 600 })
    expect(gateway.asked('subscribe')[0]).toMatchObject({ to: bob, trafficClass: 2 })
    expect(shortOf(gateway.asked('subscribe')[0] as Recorded)).toEqual({ lease: 600 })
    expect(subscription.state).toBeUndefined()
    await notify(version(9, 1), JSON.stringify(open))
    await notify(version(9, 3), JSON.stringify(away))
    await notify(version(9, 2), JSON.stringify(open))
    await notify(version(9, 3), JSON.stringify(away))
    await notify(version(2, 1), JSON.stringify(open))
    await notify(version(9, 4), JSON.stringify(away))
    expect(shownOf(notices)).toEqual(['active 1 -', 'active 3 -', 'active 1 -'])
    expect(notices[1]).toMatchObject({ document: away, version: { epoch: 9, seq: 3 } })
    expect(notices[1]?.presentity.text).toBe(bob)
    expect(subscription.state).toBe('active')
    expect(gateway.orphans).toEqual([])
  })

  test('closing takes it back at the gateway, and waits for the answer', async () => {
    const { client, clock, gateway, notices, notify } = await watching()
    await notify(version(1, 1), JSON.stringify(open))
    gateway.reply = () => 'later'
    const closing = watched(client.close().then(() => 'closed'))
    await clock.advance(1000)
    const [asked, ...more] = gateway.asked('unsubscribe')
    expect(asked?.fields.get(fields.subscription.tag)?.toString('latin1')).toBe(idOf(gateway))
    expect([more, closing.value()]).toEqual([[], undefined])
    if (asked !== undefined) gateway.answer(asked, { status: 'ok' })
    await clock.advance(0)
    expect(closing.value()).toBe('closed')
    expect(shownOf(notices)).toEqual(['active 1 -', 'terminated 1 link-stopped'])
  })

  test('what is of another session is passed over, what is wrong is refused', async () => {
    const { gateway, notices, notify } = await watching()
    await notify({ ...version(1, 1), subscription: 'x'.repeat(16) }, JSON.stringify(open))
    await notify(version(1, 1), JSON.stringify(open), 'mallory@b.example')
    await notify(version(1, 1), 'no document')
    await notify(version(1, 1), '{"tuples":1}')
    expect(gateway.orphans).toEqual(['lease-unknown', 'bad-request', 'bad-request'])
    expect(notices).toEqual([])
  })

  test.for([
    ['deactivated', 5_000],
    ['timeout', 5_000],
    ['probation', 301_000],
    ['giveup', 301_000],
  ] as const)(
    'what ends as %s is asked for again in %i ms, and is unknown until then',
    async ([event, ms]) => {
      const { clock, gateway, notices, notify, subscription } = await watching()
      await notify(version(1, 1), JSON.stringify(open))
      await notify({ state: 'terminated', event })
      expect(shownOf(notices)).toEqual(['active 1 -', `unknown 1 ${event}`])
      await clock.advance(ms)
      expect(gateway.asked('subscribe').length).toBe(2)
      await notify(version(1, 1), JSON.stringify(open))
      expect(shownOf(notices).slice(2)).toEqual(['active 1 -'])
      expect(subscription.state).toBe('active')
    },
  )

  test('pending, unknown and terminated are told; after that nothing is', async () => {
    const { clock, gateway, notices, notify, subscription } = await watching()
    await notify({ state: 'pending' })
    await notify(version(1, 1), JSON.stringify(open))
    await notify({ state: 'unknown' })
    await notify({ state: 'unknown' })
    await notify(version(1, 1), JSON.stringify(open))
    await notify({ state: 'terminated', event: 'rejected' })
    await notify(version(1, 2), JSON.stringify(open))
    expect(shownOf(notices)).toEqual([
      'pending - -',
      'active 1 -',
      'unknown 1 -',
      'active 1 -',
      'terminated 1 rejected',
    ])
    expect(subscription.state).toBe('terminated')
    expect(gateway.orphans).toEqual([])
    await clock.advance(2 * hour)
    expect(gateway.asked('renew')).toEqual([])
  })

  test('who begins to watch while nobody can vouch is told so', async () => {
    const { notices, notify } = await watching()
    await notify({ state: 'unknown' })
    await notify({ state: 'unknown' })
    await notify(version(1, 1), JSON.stringify(open))
    expect(shownOf(notices)).toEqual(['unknown - -', 'active 1 -'])
  })

  test('a refusal is the last that is told', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'refused' })
    const notices: PresenceNotice[] = []
    client.subscribe(bob, (notice) => notices.push(notice))
    await clock.advance(0)
    expect(shownOf(notices)).toEqual(['terminated - refused'])
    await clock.advance(hour)
    expect(gateway.asked('subscribe').length).toBe(1)
  })

  test('what may pass is tried again, as late as it was asked to be', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'rate-limited', fields: [[fields.retryAfter.tag, 5000]] })
    client.subscribe(bob, () => undefined)
    await clock.advance(4900)
    expect(gateway.asked('subscribe').length).toBe(1)
    gateway.reply = () => leased(3600, 'pending')
    await clock.advance(2000)
    expect(gateway.asked('subscribe').length).toBe(2)
  })

  test('many subscriptions are renewed together, before their leases end', async () => {
    const { client, clock, gateway } = await attached()
    const granted = Buffer.alloc(4 * 100)
    for (let i = 0; i < 100; i++) granted.writeUInt32BE(3600, i * 4)
    gateway.reply = ({ command }) =>
      command === 'renew' ? { status: 'ok', fields: [[fields.leases.tag, granted]] } : leased(3600)
    for (let i = 0; i < 150; i++)
      client.subscribe(`u${i}@b.example`, () => undefined, { lease: 3600 })
    client.subscribe(bob, () => undefined, { lease: 1800 })
    await clock.advance(0)
    expect(gateway.asked('subscribe').length).toBe(151)
    await clock.advance(0.59 * hour)
    expect(gateway.asked('renew')).toEqual([])
    await clock.advance(0.22 * hour)
    const sizes = gateway
      .asked('renew')
      .map(({ fields: table }) => (table.get(fields.subscriptions.tag)?.length ?? 0) / 16)
    expect(sizes.toSorted((a, b) => b - a)).toEqual([100, 50, 1])
    expect(gateway.asked('renew')[0]?.fields.get(fields.lease.tag)?.readUInt32BE()).toBe(3600)
    await clock.advance(0.3 * hour)
    expect(gateway.asked('subscribe').length).toBe(151)
  })

  test('a renewal takes along what is old enough, and nothing that was never granted', async () => {
    const { client, clock, gateway } = await watching()
    const first = idOf(gateway)
    await clock.advance(0.5 * hour)
    client.subscribe('carol@b.example', () => undefined)
    await clock.advance(0)
    gateway.reply = ({ command }) => ({ status: command === 'renew' ? 'ok' : 'busy' })
    client.subscribe('dave@b.example', () => undefined)
    await clock.advance(0.31 * hour)
    const [renewal] = gateway.asked('renew')
    expect(renewal?.fields.get(fields.subscriptions.tag)?.toString('latin1')).toBe(first)
  })

  test('few are asked for at a time', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    for (let i = 0; i < 20; i++) client.subscribe(`u${i}@b.example`, () => undefined)
    await clock.advance(0)
    expect(gateway.asked('subscribe').length).toBe(16)
    for (const request of gateway.asked('subscribe').slice(0, 3)) {
      gateway.answer(request, leased(3600))
    }
    await clock.advance(0)
    expect(gateway.asked('subscribe').length).toBe(19)
  })

  test('what is refused for now is tried less and less often', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => ({ status: 'busy' })
    client.subscribe(bob, () => undefined)
    await clock.advance(60_000)
    expect(gateway.asked('subscribe').length).toBeGreaterThan(4)
    expect(gateway.asked('subscribe').length).toBeLessThan(14)
  })

  test('what the gateway does not know any more is asked for again', async () => {
    const { clock, gateway } = await watching()
    gateway.reply = ({ command }) =>
      command === 'renew'
        ? { status: 'ok', fields: [[fields.leases.tag, Buffer.alloc(4)]] }
        : leased(3600)
    await clock.advance(0.81 * hour)
    expect(gateway.asked('renew').length).toBe(1)
    expect(gateway.asked('subscribe').length).toBe(2)
  })

  test('a renewal that is not answered in time ends in a new subscription', async () => {
    const { clock, gateway } = await watching()
    gateway.reply = ({ command }) => (command === 'renew' ? { status: 'busy' } : leased(3600))
    await clock.advance(1.1 * hour)
    expect(gateway.asked('renew').length).toBeGreaterThan(1)
    expect(gateway.asked('renew').length).toBeLessThan(40)
    expect(gateway.asked('subscribe').length).toBe(2)
  })

  test('after a reconnect the same subscriptions are made again, and nothing old is shown', async () => {
    const { clock, gateway, notices, notify } = await watching()
    await notify(version(1, 5), JSON.stringify(open))
    const before = idOf(gateway)
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    expect(gateway.asked('subscribe').length).toBe(2)
    expect(idOf(gateway)).toBe(before)
    await notify(version(1, 5), JSON.stringify(open))
    await notify(version(1, 6), JSON.stringify(away))
    expect(shownOf(notices)).toEqual(['active 5 -', 'active 6 -'])
  })

  test('45 s without a link say unknown, once; the same value is shown again after it', async () => {
    const { clock, gateway, notices, notify } = await watching()
    await notify(version(1, 5), JSON.stringify(open))
    gateway.dialFault = new TypeError('down')
    gateway.link.pair.cut('both')
    await clock.advance(44_000)
    expect(notices.length).toBe(1)
    await clock.advance(60_000)
    expect(shownOf(notices)).toEqual(['active 5 -', 'unknown 5 -'])
    gateway.dialFault = undefined
    await clock.advance(90_000)
    await notify(version(1, 5), JSON.stringify(open))
    expect(shownOf(notices).slice(2)).toEqual(['active 5 -'])
  })

  test('an answer by an old link is not relied on: the new one is asked again', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => 'later'
    client.subscribe(bob, () => undefined)
    await clock.advance(0)
    gateway.link.link.release('shutdown')
    await clock.advance(500)
    const [first] = gateway.asked('subscribe')
    gateway.reply = () => leased(3600)
    if (first !== undefined) gateway.answer(first, leased(3600))
    await clock.advance(2000)
    expect(gateway.asked('subscribe').map(({ link }) => gateway.links.indexOf(link))).toEqual([
      0, 1,
    ])
  })

  test('ending it tells the gateway and nobody else', async () => {
    const { clock, gateway, notices, notify, subscription } = await watching()
    subscription.end()
    subscription.end()
    await notify(version(1, 1), JSON.stringify(open))
    expect(gateway.asked('unsubscribe').length).toBe(1)
    expect(gateway.asked('unsubscribe')[0]?.to).toBe(bob)
    expect(notices).toEqual([])
    gateway.link.pair.cut('both')
    await clock.advance(1000)
    expect(gateway.asked('subscribe').length).toBe(1)
  })

  test('it may be ended without a link, too', async () => {
    const { clock, gateway, subscription } = await watching()
    gateway.link.pair.cut('both')
    await clock.advance(10)
    subscription.end()
    await clock.advance(5000)
    expect(gateway.links.length).toBe(2)
    expect(gateway.asked('subscribe').length).toBe(1)
  })

  test('there are no more of them than one watcher may have', async () => {
    const { client, clock, gateway } = await attached(
      {},
      { limits: { subscriptionsPerWatcher: 1 } },
    )
    gateway.reply = () => leased(3600)
    const told: string[] = []
    client.subscribe(bob, () => told.push('first'))
    client.subscribe(bob, ({ reason }) => told.push(`second ${reason}`))
    expect(told).toEqual([])
    await clock.advance(0)
    expect(told).toEqual(['second limit-reached'])
    expect(gateway.asked('subscribe').length).toBe(1)
  })

  test('a listener that breaks, at once or later, breaks nothing else', async () => {
    const faults: unknown[] = []
    const note = (_event: string, facts: unknown): undefined => void faults.push(facts) as undefined
    const log = { debug: note, info: note, warn: note, error: note }
    const { client, clock, gateway } = await attached({ log })
    gateway.reply = () => ({ status: 'refused' })
    client.subscribe(bob, () => {
      throw new Error('at once')
    })
    client.subscribe(bob, async () => {
      throw new Error('later')
    })
    await clock.advance(0)
    expect(faults).toEqual([{ detail: 'Error: at once' }, { detail: 'Error: later' }])
    expect(client.state).toBe('attached')
  })

  test('closing the client ends every watch', async () => {
    const { client, clock, notices } = await watching()
    const closing: Promise<void> = (client as Client).close()
    await clock.advance(100)
    await closing
    expect(shownOf(notices)).toEqual(['terminated - link-stopped'])
  })
})
