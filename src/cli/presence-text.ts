/** Presence documents and notices, for a person and for a program. */

import type { PresenceNotice, Tuple } from '../client/presence.ts'
import { printableLine } from '../lib/printable.ts'
import type { Paint } from './paint.ts'

function tupleRow(id: string, { basic, note, contact }: Tuple, paint: Paint): readonly string[] {
  const status = basic ?? 'unknown'
  const colour = status === 'open' ? 'green' : 'yellow'
  return [
    printableLine(id),
    paint(colour, printableLine(status)),
    note === undefined ? '' : printableLine(JSON.stringify(note)),
    contact === undefined ? '' : printableLine(contact),
  ]
}

/** `bob@b.example  open "at my desk"`: one line, however many tuples there are. */
export function noticeText({ presentity, state, document, reason }: PresenceNotice, paint: Paint) {
  const who = paint('bold', presentity.text)
  if (document === undefined) {
    return `${who}  ${paint('yellow', state)}${reason === undefined ? '' : ` (${reason})`}`
  }
  const tuples = Object.entries(document.tuples).map(([id, tuple]) =>
    tupleRow(id, tuple, paint)
      .filter((cell) => cell !== '')
      .slice(Object.keys(document.tuples).length === 1 ? 1 : 0)
      .join(' '),
  )
  return `${who}  ${tuples.join('; ')}`
}

export const noticeJson = ({ presentity, state, version, document, reason }: PresenceNotice) => ({
  presentity: presentity.text,
  state,
  version: version ?? null,
  reason: reason ?? null,
  tuples: document?.tuples ?? null,
})
