/** Which adapter carries what to other domains. */
import { describe, expect, test } from 'vitest'
import type { Renew } from '../../../src/operation/presence.ts'
import { Outside } from '../../../src/route/outside.ts'
import { FakeAdapter } from '../../support/fake-adapter.ts'
import { alice, bob, bodyOf, Ends, idOf, Letters, Watched } from '../../support/operations.ts'

const renew: Renew = {
  ...{ kind: 'renew', local: alice.domain, remote: bob.domain, watcher: undefined },
  ...{ ids: [idOf('s1')], leaseSeconds: undefined },
}

describe('several ways to other domains', () => {
  test('deliver, ask: go by the first', () => {
    const [first, second] = [new FakeAdapter('first'), new FakeAdapter('second')]
    const outside = new Outside([first, second])
    const ends = [new Ends(bodyOf), new Ends<Renew>(({ kind }) => kind)] as const
    outside.deliver(new Letters().make({ body: 'm1' }), ends[0])
    outside.ask(renew, ends[1])
    expect([first.log, second.log]).toEqual([['deliver m1', 'ask renew'], []])
    first.end('deliver m1', 'delivered')
    first.end('ask renew', 'ok')
    expect(ends.map(({ log }) => log)).toEqual([['m1 delivered'], ['renew ok']])
  })

  test('notify: by the via of the subscription, not by the route of today', () => {
    const [first, second] = [new FakeAdapter('first'), new FakeAdapter('second')]
    const outside = new Outside([first, second])
    outside.notify(new Watched('second', ['s1']), undefined)
    outside.notify(new Watched('second', ['s1']), idOf('s1'))
    outside.notify(new Watched('one that is gone', ['s1']), undefined)
    expect([first.log, second.log]).toEqual([
      [],
      [`notify ${alice.text} all`, `notify ${alice.text} ${idOf('s1')}`],
    ])
  })

  test('deliver, ask: without any way there is no such domain', () => {
    const outside = new Outside([])
    const ends = [new Ends(bodyOf), new Ends<Renew>(({ kind }) => kind)] as const
    outside.deliver(new Letters().make({ body: 'm1' }), ends[0])
    outside.ask(renew, ends[1])
    expect(ends.flatMap(({ log }) => log)).toEqual([
      'm1 remote-not-found',
      'renew remote-not-found',
    ])
  })
})
