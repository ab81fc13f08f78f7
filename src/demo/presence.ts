/** Act three: a subscription, and what the watcher is told when something changes. */
import { withProgress } from '../cli/progress.ts'
import type { PresenceDocument, PresenceNotice } from '../client/presence.ts'
import type { Stage } from './stage.ts'

export async function showPresence({ host, told, alice, bob }: Stage): Promise<undefined> {
  const watched = bob.client.user
  told.heading(`${alice.client.user.text} watches ${watched.text}`)
  alice.watch(watched)
  await alice.notices.next('the first notification', ({ state }) => state === 'active')
  for (const [basic, note] of changes) {
    told.line(`bob publishes: ${basic} "${note}"`)
    const document: PresenceDocument = { tuples: { desk: { basic, note } } }
    await bob.client.publish(document)
    const notified = alice.notices.next(`the news of "${note}"`, isAbout(note))
    await withProgress(host, 'waiting for the notification', notified)
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
