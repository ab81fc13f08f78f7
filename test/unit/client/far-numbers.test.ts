/** Numbers of a far side: whatever it says, nothing rests longer than the bounds, and nothing becomes a stream. */
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { fields } from '../../../src/wire/registry.ts'
import type { Reply } from '../../support/scripted-gateway.ts'
import { attached, bob, watched } from './support.ts'

const most = 0xffffffff
const { restMaxMs, leaseMaxSeconds, requestMs } = limitsWith()
const open = { tuples: { laptop: { basic: 'open' as const } } }

const never: Reply = { status: 'rate-limited', fields: [[fields.retryAfter.tag, most]] }
const leased = (seconds: number): Reply => ({
  status: 'ok',
  fields: [
    [fields.lease.tag, seconds],
    [fields.leases.tag, Buffer.from(Uint32Array.of(seconds).buffer).swap32()],
  ],
})

describe('[LINK-4.3-5] a wait of 49 days is one of 15 minutes', () => {
  test('for a message', async () => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => never
    const first = watched(client.send({ to: bob, body: 'm1' }))
    await clock.advance(0)
    expect(first.value()).toMatchObject({ status: 'rate-limited', retryAfterMs: restMaxMs })
    gateway.reply = () => ({ status: 'delivered' })
    const late = watched(client.send({ to: bob, body: 'm2', lifeMs: 2 * restMaxMs }))
    await clock.advance(restMaxMs - 1000)
    expect(late.value()).toBeUndefined()
    await clock.advance(3000)
    expect(late.value()?.status).toBe('delivered')
  })

  test.each(['subscribe', 'publish'] as const)('for a %s', async (what) => {
    const { client, clock, gateway } = await attached()
    gateway.reply = () => never
    if (what === 'subscribe') client.subscribe(bob, () => undefined)
    else void client.publish(open)
    await clock.advance(restMaxMs - 1000)
    expect(gateway.asked(what)).toHaveLength(1)
    await clock.advance(3000)
    expect(gateway.asked(what)).toHaveLength(2)
  })
})

describe('[LINK-6.10-6] a lease', () => {
  const held = async (what: 'subscribe' | 'publish', seconds: number) => {
    const more = { limits: { linkAgeMs: 10 * leaseMaxSeconds * 1000 } }
    const { client, clock, gateway } = await attached({}, more)
    gateway.reply = () => leased(seconds)
    if (what === 'subscribe') client.subscribe(bob, () => undefined)
    else void client.publish(open)
    await clock.advance(0)
    const asked = () => gateway.asked(what).length + gateway.asked('renew').length
    return { clock, asked }
  }

  test.each(['subscribe', 'publish'] as const)('of 136 years is one of a day: %s', async (what) => {
    const { clock, asked } = await held(what, most)
    await clock.advance(leaseMaxSeconds * 1000)
    expect(asked()).toBe(2)
  })

  test.each(['subscribe', 'publish'] as const)('of no time is no stream: %s', async (what) => {
    const { clock, asked } = await held(what, 0)
    await clock.advance(10 * requestMs)
    expect(asked()).toBeLessThan(40)
  })
})
