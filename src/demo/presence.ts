/** Act three: a subscription, and what the watcher is told when something changes. */
import { withProgress } from '../cli/progress.ts'
import type { PresenceDocument, PresenceNotice } from '../client/presence.ts'
import { limitsWith } from '../limits.ts'
import type { Stage } from './stage.ts'

export async function showPresence({ host, told, alice, bob }: Stage): Promise<undefined> {
  const watched = bob.client.user
  told.heading(`${alice.client.user.text} watches ${watched.text}`)
  const seconds = limitsWith().notifyMs / 1000
  const pace = `a watcher hears of one person every ${seconds} s at most: the last change is worth the wait`
  told.line(told.paint('dim', pace))
  alice.watch(watched)
  await alice.notices.next('the first notification', ({ state }) => state === 'active')
  for (const [basic, note] of changes) {
    told.line(`bob publishes: ${basic} "${note}"`)
    const document: PresenceDocument = { tuples: { desk: { basic, note } } }
    await bob.client.publish(document)
    const notified = alice.notices.next(`the news of "${note}"`, isAbout(note))
    await withProgress(host, `waiting until ${seconds} s are over`, notified)
  }
}

const changes = [
  ['open', 'at my desk'],
  ['closed', 'gone for lunch'],
] as const

const isAbout =
  (note: string) =>
  ({ document }: PresenceNotice): boolean =>
    Object.values(document?.tuples ?? {}).some((tuple) => tuple.note === note)
