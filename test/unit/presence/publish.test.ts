import { describe, expect, test } from 'vitest'
import type { Presentities } from '../../../src/presence/notifier/presentities.ts'
import {
  address,
  alice,
  bob,
  body,
  closedDocument,
  hour,
  id,
  makeAuthority,
  makePublish,
  minute,
  open,
  publish,
  second,
  text,
  told,
} from './support.ts'

const seen = (presentities: Presentities, presentity = alice): string =>
  text(presentities.presence(presentity).document)

const [e1, e2, e3] = [id('e1'), id('e2'), id('e3')] as const

/** Alice has published `phone` under e1 and changed it under e2; under y `pad`, changed under x, and removed. */
function makeStory() {
  const authority = makeAuthority()
  const { presentities } = authority
  publish(presentities, alice, { entityTag: e1, document: open() })
  publish(presentities, alice, { ifMatch: e1, entityTag: e2, document: open('phone2') })
  publish(presentities, alice, { entityTag: id('y'), document: open('pad') })
  publish(presentities, alice, { ifMatch: id('y'), entityTag: id('x'), document: open('pad2') })
  publish(presentities, alice, { ifMatch: id('x'), leaseSeconds: 0 })
  return authority
}

describe('outcomes of PUBLISH', () => {
  test.for([
    ['create', { entityTag: e3, document: open('new') }, 'ok 3600'],
    ['create without a document', { entityTag: e3 }, 'bad-request'],
    ['create without an entity-tag', { document: open('new') }, 'bad-request'],
    [
      'create with lease 0',
      { entityTag: e3, document: open('new'), leaseSeconds: 0 },
      'bad-request',
    ],
    [
      'create with a tuple of another publication',
      { entityTag: e3, document: open('phone2') },
      'conflict',
    ],
    ['create with a tag that is in use', { entityTag: e2, document: open('new') }, 'conflict'],
    ['create with a tag that was in use', { entityTag: e1, document: open('new') }, 'conflict'],
    ['create with a bad document', { entityTag: e3, document: Buffer.from('{}') }, 'bad-request'],
    ['create, too large', { entityTag: e3, document: Buffer.alloc(8193, 0x20) }, 'too-large'],
    ['nothing at all', {}, 'bad-request'],
    ['refresh', { ifMatch: e2 }, 'ok 3600'],
    ['refresh with a new tag', { ifMatch: e2, entityTag: e3 }, 'bad-request'],
    ['refresh of an old tag', { ifMatch: e1 }, 'precondition-failed'],
    ['refresh of an unknown tag', { ifMatch: e3 }, 'lease-unknown'],
    ['refresh of a removed one', { ifMatch: id('x') }, 'lease-unknown'],
    ['modify', { ifMatch: e2, entityTag: e3, document: open('phone3') }, 'ok 3600'],
    ['modify without a new tag', { ifMatch: e2, document: open('phone3') }, 'bad-request'],
    [
      'modify with the same tag',
      { ifMatch: e2, entityTag: e2, document: open('p') },
      'bad-request',
    ],
    [
      'modify of an old tag',
      { ifMatch: e1, entityTag: e3, document: open('p') },
      'precondition-failed',
    ],
    [
      'modify of an unknown tag',
      { ifMatch: e3, entityTag: id('4'), document: open() },
      'lease-unknown',
    ],
    ['remove', { ifMatch: e2, leaseSeconds: 0 }, 'ok 0'],
    ['remove of an old tag', { ifMatch: e1, leaseSeconds: 0 }, 'precondition-failed'],
    ['remove of an unknown tag', { ifMatch: e3, leaseSeconds: 0 }, 'lease-unknown'],
    ['remove again', { ifMatch: id('x'), leaseSeconds: 0 }, 'ok 0'],
    [
      'remove of an old tag of a removed one',
      { ifMatch: id('y'), leaseSeconds: 0 },
      'lease-unknown',
    ],
    ['create again, after modify', { entityTag: e1, document: open() }, 'ok 3600'],
    ['modify again', { ifMatch: e1, entityTag: e2, document: open('phone2') }, 'ok 3600'],
    ['the shortest lease', { ifMatch: e2, leaseSeconds: 300 }, 'ok 300'],
    ['a shorter lease', { ifMatch: e2, leaseSeconds: 299 }, 'lease-too-short 300'],
    ['the longest lease', { ifMatch: e2, leaseSeconds: 86_400 }, 'ok 86400'],
    ['a longer lease', { ifMatch: e2, leaseSeconds: 86_401 }, 'ok 86400'],
    ['the longest number', { ifMatch: e2, leaseSeconds: 4_294_967_295 }, 'ok 86400'],
    ['a negative lease', { ifMatch: e2, leaseSeconds: -1 }, 'bad-request'],
    ['half a second', { ifMatch: e2, leaseSeconds: 0.5 }, 'bad-request'],
    ['a lease of 1e999', { ifMatch: e2, leaseSeconds: Number.POSITIVE_INFINITY }, 'bad-request'],
    ['another publisher refreshes', { ifMatch: e2, publisher: bob }, 'lease-unknown'],
    [
      'another publisher removes',
      { ifMatch: e2, publisher: bob, leaseSeconds: 0 },
      'lease-unknown',
    ],
  ] as const)('%s', ([, request, expected]) => {
    const { presentities, changes } = makeStory()
    const before = seen(presentities)
    const count = changes.length
    const answer = publish(presentities, alice, request)
    expect(told(answer)).toBe(expected)
    if (answer.status !== 'ok')
      expect([seen(presentities), changes.length]).toEqual([before, count])
  })

  test('without a wish the default lease is granted', () => {
    const { presentities } = makeAuthority()
    const wish = makePublish(alice, { entityTag: e1, document: open() })
    expect(told(presentities.publish({ ...wish, leaseSeconds: undefined }))).toBe('ok 3600')
  })

  test('a tag of one presentity is unknown for another one of the same publisher', () => {
    const { presentities } = makeStory()
    const room = address('room@a.example')
    for (const request of [
      { ifMatch: e2 },
      { ifMatch: e2, leaseSeconds: 0 },
      { ifMatch: id('x'), leaseSeconds: 0 },
    ]) {
      const answer = publish(presentities, room, { ...request, publisher: alice })
      expect(answer.status).toBe('lease-unknown')
    }
    const again = publish(presentities, room, { entityTag: e2, document: open(), publisher: alice })
    expect(again.status).toBe('conflict')
  })
})

describe('a repeated PUBLISH', () => {
  test('changes nothing, and starts the lease anew', async () => {
    const { clock, presentities, changes } = makeAuthority()
    const request = { entityTag: e1, document: open(), leaseSeconds: 600 }
    publish(presentities, alice, request)
    await clock.advance(9 * minute)
    expect(told(publish(presentities, alice, request))).toBe('ok 600')
    expect(changes).toHaveLength(1)
    await clock.advance(9 * minute)
    expect(seen(presentities)).toBe(text(open()))
    await clock.advance(minute)
    expect(seen(presentities)).toBe(closedDocument)
  })

  test('of two requests whose answers were lost leaves the second one standing', () => {
    const { presentities, changes } = makeAuthority()
    const first = { entityTag: e1, document: open('a') }
    const then = { ifMatch: e1, entityTag: e2, document: open('b') }
    for (const request of [first, then, first, then]) {
      expect(publish(presentities, alice, request).status).toBe('ok')
      expect(seen(presentities)).toBe(
        text(open(request === first && changes.length === 1 ? 'a' : 'b')),
      )
    }
    expect(changes).toHaveLength(2)
  })

  test('does not bring back what was removed', async () => {
    const { clock, presentities, changes } = makeAuthority()
    const request = { entityTag: e1, document: open() }
    publish(presentities, alice, request)
    publish(presentities, alice, { ifMatch: e1, leaseSeconds: 0 })
    expect(publish(presentities, alice, request).status).toBe('ok')
    expect(seen(presentities)).toBe(closedDocument)
    publish(presentities, alice, { entityTag: e2, document: open(), leaseSeconds: 86_400 })
    await clock.advance(2 * hour)
    expect(changes).toHaveLength(3)
  })

  test('of a lapsed publication creates it again: it would not be true that it is there', async () => {
    const { clock, presentities } = makeAuthority()
    const request = { entityTag: e1, document: open(), leaseSeconds: 300 }
    publish(presentities, alice, request)
    await clock.advance(5 * minute)
    expect(seen(presentities)).toBe(closedDocument)
    expect(publish(presentities, alice, request).status).toBe('ok')
    expect(seen(presentities)).toBe(text(open()))
    // The memory of the first one ends, the second one stays.
    await clock.advance(4 * minute)
    expect(publish(presentities, alice, { ifMatch: e1 }).status).toBe('ok')
  })

  test('of what a lapsed publication held before its last tag creates it again, too', async () => {
    const { clock, presentities } = makeAuthority({ leaseMinSeconds: 10 })
    const request = { entityTag: e1, document: open('a'), leaseSeconds: 600 }
    publish(presentities, alice, request)
    publish(presentities, alice, {
      ifMatch: e1,
      entityTag: e2,
      document: open('b'),
      leaseSeconds: 10,
    })
    await clock.advance(10 * second)
    expect(publish(presentities, alice, request).status).toBe('ok')
    expect(seen(presentities)).toBe(text(open('a')))
    // The memory of the first e1 ends, the second e1 stays.
    await clock.advance(4 * minute)
    expect(publish(presentities, alice, { ifMatch: e1 }).status).toBe('ok')
  })

  test('is forgotten when no repeat can be under way any more', async () => {
    const { clock, presentities, limits } = makeAuthority()
    publish(presentities, alice, { entityTag: e1, document: open() })
    publish(presentities, alice, { ifMatch: e1, leaseSeconds: 0 })
    const keptMs = limits.redialCapMs + limits.dialMs + limits.requestMs
    await clock.advance(keptMs - 1)
    expect(publish(presentities, alice, { ifMatch: e1, leaseSeconds: 0 }).status).toBe('ok')
    await clock.advance(second)
    expect(publish(presentities, alice, { ifMatch: e1, leaseSeconds: 0 }).status).toBe(
      'lease-unknown',
    )
    expect(clock.pending).toBe(0)
  })

  test('is remembered for at most `duplicates` past tags', () => {
    const { presentities } = makeAuthority({ duplicates: 1 })
    publish(presentities, alice, { entityTag: e1, document: open('a') })
    publish(presentities, alice, { ifMatch: e1, entityTag: e2, document: open('b') })
    publish(presentities, alice, { ifMatch: e2, entityTag: e3, document: open('c') })
    const old = { entityTag: e1, document: open('a') }
    expect(publish(presentities, alice, old).status).toBe('ok')
    expect(seen(presentities)).toBe(text(open('c')))
    expect(publish(presentities, alice, { ifMatch: e2 }).status).toBe('lease-unknown')
  })
})

describe('presence of a presentity', () => {
  test('is closed by default, and each publication adds its own tuples', () => {
    const { presentities } = makeAuthority()
    expect(seen(presentities)).toBe(closedDocument)
    publish(presentities, alice, { entityTag: e1, document: open('phone') })
    const delegate = { entityTag: e1, document: open('desk'), publisher: bob }
    publish(presentities, alice, delegate)
    expect(seen(presentities)).toBe('{"tuples":{"phone":{"basic":"open"},"desk":{"basic":"open"}}}')
    publish(presentities, alice, { ifMatch: e1, leaseSeconds: 0 })
    expect(seen(presentities)).toBe('{"tuples":{"desk":{"basic":"open"}}}')
  })

  test('a modified publication may give up tuples and take others', () => {
    const { presentities } = makeAuthority()
    publish(presentities, alice, {
      entityTag: e1,
      document: body({ a: { note: '1' }, b: { note: '1' } }),
    })
    publish(presentities, alice, {
      ifMatch: e1,
      entityTag: e2,
      document: body({ b: { note: '2' }, c: { note: '2' } }),
    })
    expect(seen(presentities)).toBe('{"tuples":{"b":{"note":"2"},"c":{"note":"2"}}}')
    expect(publish(presentities, alice, { entityTag: e3, document: open('a') }).status).toBe('ok')
  })

  test.for([
    [300 * second, 300],
    [24 * hour, 86_400],
  ] as const)('a lease lapses after %i ms, to the second, and tells it', async ([ms, seconds]) => {
    const { clock, presentities, changes } = makeAuthority()
    await clock.advance(700)
    publish(presentities, alice, { entityTag: e1, document: open(), leaseSeconds: seconds })
    await clock.advance(ms - 1)
    expect(seen(presentities)).toBe(text(open()))
    await clock.advance(second)
    expect([seen(presentities), changes.length]).toEqual([closedDocument, 2])
  })

  test('a lapse takes the tuples of that publication only', async () => {
    const { clock, presentities } = makeAuthority()
    publish(presentities, alice, { entityTag: e1, document: open('phone'), leaseSeconds: 300 })
    publish(presentities, alice, { entityTag: e2, document: open('desk'), leaseSeconds: 600 })
    await clock.advance(300 * second)
    expect(seen(presentities)).toBe(text(open('desk')))
  })

  test('a refresh keeps it, and changes nothing', async () => {
    const { clock, presentities, changes } = makeAuthority()
    publish(presentities, alice, { entityTag: e1, document: open(), leaseSeconds: 300 })
    for (let i = 0; i < 10; i++) {
      await clock.advance(200 * second)
      expect(publish(presentities, alice, { ifMatch: e1, leaseSeconds: 300 }).status).toBe('ok')
    }
    expect([seen(presentities), changes.length]).toEqual([text(open()), 1])
  })

  test('a modification to the same tuples is no change', () => {
    const { presentities, changes } = makeAuthority()
    publish(presentities, alice, { entityTag: e1, document: open() })
    const { version } = presentities.presence(alice)
    publish(presentities, alice, { ifMatch: e1, entityTag: e2, document: open() })
    expect(presentities.presence(alice).version).toEqual(version)
    expect(changes).toHaveLength(1)
  })

  test('versions rise with each change, also past the time when nothing was published', async () => {
    const { clock, presentities } = makeAuthority()
    const seqs = [presentities.presence(alice).version.seq]
    const note = () => seqs.push(presentities.presence(alice).version.seq)
    for (let i = 0; i < 5; i++) {
      publish(presentities, alice, { entityTag: id(`a${i}`), document: open(), leaseSeconds: 300 })
      note()
      await clock.advance(300 * second)
      note()
      publish(presentities, bob, { entityTag: id(`b${i}`), document: open() })
      publish(presentities, bob, { ifMatch: id(`b${i}`), leaseSeconds: 0 })
    }
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
  })

  test('versions of one say nothing about what others publish', async () => {
    const versions = [0, 100].map((changes) => {
      const { presentities } = makeAuthority()
      for (let i = 0; i < changes; i++) {
        publish(presentities, alice, { entityTag: id(`a${i}`), document: open() })
        publish(presentities, alice, { ifMatch: id(`a${i}`), leaseSeconds: 0 })
      }
      const before = presentities.presence(bob).version
      publish(presentities, bob, { entityTag: e1, document: open() })
      return [before, presentities.presence(bob).version]
    })
    expect(versions[0]).toEqual(versions[1])
  })

  test('versions rise also where changes are faster than the clock', async () => {
    const { clock, presentities } = makeAuthority()
    const seqs: number[] = []
    for (let i = 0; i < 200; i++) {
      publish(presentities, alice, { entityTag: id(`a${i}`), document: open() })
      seqs.push(presentities.presence(alice).version.seq)
      publish(presentities, alice, { ifMatch: id(`a${i}`), leaseSeconds: 0 })
      seqs.push(presentities.presence(alice).version.seq)
      publish(presentities, bob, { entityTag: id(`b${i}`), document: open() })
      publish(presentities, bob, { ifMatch: id(`b${i}`), leaseSeconds: 0 })
      if (i % 20 === 0) await clock.advance(second)
    }
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b))
  })

  test('another start of the gateway counts in another epoch', () => {
    const epochs = [1, 2].map(
      (seed) => makeAuthority({}, seed).presentities.presence(alice).version,
    )
    expect(epochs[0]?.epoch).not.toBe(epochs[1]?.epoch)
  })

  test('the bytes of a document are made once for everybody', () => {
    const { presentities } = makeAuthority()
    publish(presentities, alice, { entityTag: e1, document: open() })
    const { document } = presentities.presence(alice)
    expect(presentities.presence(alice).document).toBe(document)
  })
})

describe('limits of presentities', () => {
  const tuples = (from: number, count: number) =>
    body(
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`t${from + i}`, { basic: 'open' }]),
      ),
    )

  test('as many tuples as the limit are held of one presentity, one more is limit-reached', () => {
    const { presentities, meter, limits } = makeAuthority()
    publish(presentities, alice, { entityTag: e1, document: tuples(0, limits.tuples - 1) })
    expect(publish(presentities, alice, { entityTag: e2, document: tuples(100, 2) }).status).toBe(
      'limit-reached',
    )
    expect(publish(presentities, alice, { entityTag: e2, document: tuples(100, 1) }).status).toBe(
      'ok',
    )
    expect(meter.total('limit_hits_total', { limit: 'tuples' })).toBe(1)
    // What a publication holds is not in the way of its own modification.
    const rest = { ifMatch: e1, entityTag: e3, document: tuples(0, limits.tuples - 1) }
    expect(publish(presentities, alice, rest).status).toBe('ok')
  })

  test('no more is held of one presentity than fits a document', () => {
    const { presentities, meter, limits } = makeAuthority()
    const note = 'x'.repeat(limits.presenceBytes / 2)
    publish(presentities, alice, { entityTag: e1, document: body({ a: { note } }) })
    const request = { entityTag: e2, document: body({ b: { note } }) }
    expect(publish(presentities, alice, request).status).toBe('limit-reached')
    expect(meter.total('limit_hits_total', { limit: 'presenceBytes' })).toBe(1)
    publish(presentities, alice, {
      ifMatch: e1,
      entityTag: e3,
      document: body({ a: { note: note.slice(60) } }),
    })
    expect(publish(presentities, alice, request).status).toBe('ok')
    expect(presentities.presence(alice).document.length).toBeLessThanOrEqual(limits.presenceBytes)
  })

  test('as many presentities as the limit are held, one more is busy for a time', () => {
    const { presentities, meter } = makeAuthority({ presentities: 1 })
    publish(presentities, alice, { entityTag: e1, document: open() })
    const refused = publish(presentities, bob, { entityTag: e1, document: open() })
    expect(refused).toMatchObject({ status: 'busy', retryAfterMs: 10_000 })
    expect(publish(presentities, alice, { entityTag: e2, document: open('b') }).status).toBe('ok')
    expect(meter.total('limit_hits_total', { limit: 'presentities' })).toBe(1)
    for (const ifMatch of [e1, e2]) publish(presentities, alice, { ifMatch, leaseSeconds: 0 })
    expect(publish(presentities, bob, { entityTag: e1, document: open() }).status).toBe('ok')
  })
})
