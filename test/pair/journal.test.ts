/** What a gateway notes of its dealings with other domains, and what it does not. */
import { expect, test } from 'vitest'
import type { Domain } from '../../src/address/domain.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { command, tag } from '../support/script/codec.ts'
import { messageId, type ScriptedPeer } from '../support/script/peer.ts'
import { World } from '../support/script/world.ts'

const noted = ({ gateway }: World, domain: string) => gateway.journal.of(domain as Domain)

const write = (bob: ScriptedPeer, domain: string): number =>
  bob.message({ reference: 0, hops: 0, sequence: 0, id: messageId(domain), to: `zoe@${domain}` })

test('a dial that fails, with its cause and how often', async () => {
  const world = new World()
  const bob = await world.attached()
  world.dialFault = 'dns-failed'
  write(bob, 'c.example')
  await world.run()
  await world.run(1000)
  write(bob, 'c.example')
  await world.run()
  expect(noted(world, 'c.example')).toMatchObject([
    {
      ...{ kind: 'dial', direction: 'out', local: 'b.example', service: 'im' },
      ...{ cause: 'dns-failed', detail: 'no way to im:c.example', times: 2 },
    },
  ])
})

test('who proved what on a link that came in, and how the link ended', async () => {
  const world = new World()
  const peer = await world.provenPeer()
  peer.channel.destroy()
  await world.run()
  const link = { direction: 'in', local: 'b.example', remote: 'a.example', service: undefined }
  expect(noted(world, 'a.example')).toMatchObject([
    { kind: 'proof', ...link, cause: 'ok', detail: 'pinned' },
    { kind: 'claim', ...link, cause: 'ok' },
    { kind: 'link', ...link, cause: 'link-lost' },
  ])
})

test('whom it did not believe, under the name that was claimed', async () => {
  const world = new World()
  const peer = world.dialIn()
  peer.sayHello()
  peer.prove({ claims: { aud: 'elsewhere.example' } })
  await world.run()
  expect(noted(world, 'a.example')).toMatchObject([
    { kind: 'proof', direction: 'in', local: undefined, cause: 'credential-audience' },
  ])
})

test('a claim of ours that the far side refused, and not under our own name', async () => {
  const world = new World()
  const bob = await world.attached()
  write(bob, 'c.example')
  await world.run()
  const far = world.dialled.at(-1)
  far?.sayHello()
  await world.run()
  far?.respond(far.requestsOf(command.prove)[0]?.id ?? 0, 'domain-refused')
  await world.run()
  expect(noted(world, 'c.example')).toMatchObject([
    { kind: 'proof', direction: 'out', service: 'im', cause: 'ok', detail: 'certificate' },
    { kind: 'claim', direction: 'out', local: 'b.example', cause: 'domain-refused' },
  ])
  expect(noted(world, 'b.example')).toEqual([])
})

test('by how much the clocks differ, and which is ahead, on both sides', async () => {
  const b = new World({ pinned: ['a.example'] })
  const a = new World({
    ...{ domains: ['a.example'], pinned: ['b.example'], seed: 9 },
    ...{ clock: new ManualClock(b.clock.wall() + 40_000), far: () => b },
  })
  write(await a.attached('bob@a.example'), 'b.example')
  for (let turn = 0; turn < 4; turn++) {
    await a.run()
    await b.run()
  }
  const words = "the signer's clock is 40 s ahead of the verifier's"
  expect(noted(b, 'a.example')).toMatchObject([
    { kind: 'proof', direction: 'in', cause: 'credential-time', detail: words },
  ])
  expect(noted(a, 'b.example')).toContainEqual(
    expect.objectContaining({
      ...{ kind: 'claim', cause: 'credential-time', detail: `they say: ${words}` },
    }),
  )
})

test('what a far side says of its reasons, fit for a screen and not at length', async () => {
  const world = new World()
  write(await world.attached(), 'c.example')
  await world.run()
  const far = world.dialled.at(-1)
  far?.sayHello()
  await world.run()
  const text = Buffer.from(`\u001b[2J\n${'x'.repeat(1000)}`)
  far?.respond(far.requestsOf(command.prove)[0]?.id ?? 0, 'domain-refused', [[tag.text, text]])
  await world.run()
  const told = noted(world, 'c.example').find(({ kind }) => kind === 'claim')?.detail ?? ''
  expect(told).toMatch(/^they say: \\u001b\[2J\\u000ax+$/)
  expect(told.length).toBeLessThan(250)
})

test('another domain on a link that we dialled came to us: nobody dialled it', async () => {
  const world = new World({ pinned: ['c.example', 'd.example'] })
  const bob = await world.attached()
  write(bob, 'c.example')
  const far = await world.accepted()
  far.prove({ claims: { iss: 'd.example', aud: 'elsewhere.example' } })
  await world.run()
  expect(noted(world, 'd.example')).toMatchObject([{ kind: 'proof', direction: 'in' }])
})

test('nothing of a user, and nothing of what goes well on a link', async () => {
  const world = new World()
  const peer = await world.provenPeer()
  const before = noted(world, 'a.example')
  const client = world.dialIn('client', 'b.example')
  client.sayHello({ role: 'client' })
  client.prove({ claims: { iss: 'mallory@b.example' } })
  await world.attached()
  peer.show(1, 'alice@a.example')
  await world.run()
  peer.message({})
  await world.run()
  expect(noted(world, 'a.example')).toEqual(before)
  expect(noted(world, 'b.example')).toEqual([])
})
