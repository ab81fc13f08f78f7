/** What a gateway logs as a fault of its own fails the test, whatever the test looks for. */
import { expect, test } from 'vitest'
import { Target } from '../support/fuzz/target.ts'
import { World } from '../support/script/world.ts'
import { openScene } from '../support/simulator/scene.ts'

const twice = /^a fault of the gateway: request\.answered-twice \{.*"command":"message"\}/
const message = 0x10

test('a second answer to a request of a scripted peer is one', async () => {
  const world = new World()
  await world.provenPeer()
  for (const session of world.gateway.sessions.all) session.answeredTwice(message)
  await expect(world.run()).rejects.toThrow(twice)
})

test('so is one in the simulator, at the next step of time', async () => {
  const { world } = await openScene()
  const [session] = world.site('a').run?.gateway.sessions.all ?? []
  session?.answeredTwice(message)
  await expect(world.run(1)).rejects.toThrow(twice)
  await expect(world.until(() => true)).rejects.toThrow(twice)
})

test('so is one under the fuzzer, with the chunk that led to it', async () => {
  const target = new Target()
  await target.open('proven')
  const [session] = target.gateway.sessions.all
  expect(() => session?.answeredTwice(message)).toThrow(twice)
})
