/**
 * Says that somebody is there, and shows how others are, a line for each change, until Ctrl-C.
 *
 *     npx node examples/presence-board.ts … --note "at work" bob@b.example carol@c.example
 *
 * What is published outlives the link that it came by, until its lease ends: whoever leaves takes it back. The client
 * keeps publication and subscriptions alive, and renews them after every loss.
 */
import { inspect } from 'node:util'
import type { PresenceNotice } from '../src/client/client.ts'
import { attach, note, stopped, words } from './attach.ts'

const client = await attach()
for (const presentity of words) client.subscribe(presentity, show)
const { status, leaseSeconds } = await client.publish({
  tuples: { board: { basic: 'open', note } },
})
console.log(`published: ${status}, for ${leaseSeconds} s`)
await stopped()
console.log(`taken back: ${(await client.publish(null)).status}`)
await client.close()

function show({ presentity, state, document, reason }: PresenceNotice): undefined {
  // Our own end is no news.
  if (reason === 'link-stopped') return
  const tuples = { compact: true, breakLength: Number.POSITIVE_INFINITY, depth: 4 }
  // `active`: with a document. `pending`, `unknown` (nobody can vouch for it now), `terminated`: with the reason.
  const more = document === undefined ? `(${reason})` : inspect(document.tuples, tuples)
  console.log(`${presentity.text}: ${state} ${more}`)
}
