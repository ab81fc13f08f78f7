import { describe, expect, test } from 'vitest'
import type { Adapter } from '../../../src/operation/ports.ts'
import type { Audience, Subscribe } from '../../../src/operation/presence.ts'
import { Outside } from '../../../src/route/outside.ts'
import { alice, bob, TestAsker, zoe } from '../../support/middle/calls.ts'
import { makeMessage } from '../../support/middle/messages.ts'

/** An adapter that writes down what it is given. */
function adapter(name: string, given: string[]): Adapter {
  const note = (what: string) => (): undefined => {
    given.push(`${name} ${what}`)
  }
  return {
    name,
    deliver: note('deliver'),
    ask: note('ask'),
    notify: (_audience, only) => note(`notify ${only}`)(),
    start: note('start'),
    close: note('close'),
    drain: async () => note('drain')(),
  }
}

const subscribe: Subscribe = {
  ...{ kind: 'subscribe', id: 's'.repeat(16), watcher: bob, presentity: zoe },
  ...{ leaseSeconds: 60, hops: 1 },
}
const audience = (via: string): Audience => ({
  ...{ via, presentity: bob, domain: alice.domain },
  members: () => [],
  watcher: () => undefined,
  latest: () => undefined,
})

describe('what goes to another domain', () => {
  test('goes by the first way that there is', () => {
    const given: string[] = []
    const outside = new Outside([adapter('native', given), adapter('xmpp', given)])
    outside.deliver(makeMessage({ from: bob, to: zoe }), new TestAsker())
    outside.ask(subscribe, new TestAsker<Subscribe>())
    expect(given).toEqual(['native deliver', 'native ask'])
  })

  test('ends at once where there is none', () => {
    const outside = new Outside([])
    const messages = new TestAsker<ReturnType<typeof makeMessage>>()
    const questions = new TestAsker<Subscribe>()
    outside.deliver(makeMessage({ from: bob, to: zoe }), messages)
    outside.ask(subscribe, questions)
    expect([messages.statuses, questions.statuses]).toEqual([
      ['remote-not-found'],
      ['remote-not-found'],
    ])
  })
})

test('watchers are told by the way by which they subscribed, not by that of today', () => {
  const given: string[] = []
  const outside = new Outside([adapter('native', given), adapter('xmpp', given)])
  outside.notify(audience('xmpp'), undefined)
  outside.notify(audience('native'), 'one')
  outside.notify(audience('sip'), undefined)
  expect(given).toEqual(['xmpp notify undefined', 'native notify one'])
})
