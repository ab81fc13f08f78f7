/** A process with one plain door that answers what it hears; started by a test that takes its files away. */
import type { Channel } from '../../src/link/channel.ts'
import { openDoor } from './door.ts'

const echo = (channel: Channel): undefined =>
  channel.start({
    data: (chunk) => channel.write([Buffer.from(chunk)]),
    drained: () => undefined,
    closed: () => undefined,
  })

const door = await openDoor({ plain: true, each: echo })
process.stdout.write(`${door.port}\n`)
