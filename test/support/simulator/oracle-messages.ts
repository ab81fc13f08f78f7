/**
 * What must be true of messages, whatever went wrong: judged from what users did, heard and saw.
 *
 * In:    the journal, after everything has come to rest.
 * Out:   a sentence for each broken promise.
 *
 *   answers     every attempt has exactly one
 *   truth       `delivered`: a session of the recipient took this very content before; "no": nobody was shown it
 *   no repeats  a session sees a message no more often than it was sent with an outcome that leaves room for it, and
 *               never again once its sender was told `delivered`, as long as the same process remembers it
 *   order       within one session and recipient nothing that was sent later is seen before something sent earlier
 *   no forgery  what is shown was sent, by the one who is named, to the one who sees it
 */
import { type Attempt, type Journal, meaningOf, type Showing } from './journal.ts'
import { nameOf } from './sender.ts'

/** Attempts and showings of one content under one id. */
type Case = {
  readonly name: string
  readonly attempts: Attempt[]
  readonly showings: Showing[]
}

export function judgeMessages(journal: Journal): readonly string[] {
  const cases = casesOf(journal)
  return [
    ...journal.attempts.flatMap(judgeAnswer),
    ...journal.fetches.flatMap(({ device, of, answers }) =>
      answers === 1 ? [] : [`${device}: FETCH of ${of} has ${answers} answers`],
    ),
    ...[...cases.values()].flatMap((one) => judgeCase(one, journal)),
    ...judgeOrder(journal, cases),
  ]
}

function casesOf({ attempts, showings }: Journal): Map<string, Case> {
  const cases = new Map<string, Case>()
  const caseOf = (one: Attempt | Showing): Case => {
    const key = keyOf(one)
    const known = cases.get(key) ?? {
      name: `${one.from} ${nameOf(one)}`,
      attempts: [],
      showings: [],
    }
    cases.set(key, known)
    return known
  }
  for (const attempt of attempts) caseOf(attempt).attempts.push(attempt)
  for (const showing of showings) caseOf(showing).showings.push(showing)
  return cases
}

const keyOf = ({ from, id, variant }: Attempt | Showing): string => `${from} ${id} ${variant}`

const judgeAnswer = (attempt: Attempt): readonly string[] =>
  attempt.answers === 1
    ? []
    : [`${attempt.device}: ${nameOf(attempt)} has ${attempt.answers} answers`]

function judgeCase({ name, attempts, showings }: Case, journal: Journal): readonly string[] {
  const found: string[] = []
  for (const { user, session, at, serial } of showings) {
    const isSent = attempts.some((attempt) => attempt.to === user && attempt.serial < serial)
    if (!isSent) found.push(`forged: ${name} was shown to ${session} at ${at}`)
  }
  for (const attempt of attempts) {
    if (meaningOf(attempt) !== 'delivered') continue
    const isTrue = showings.some(
      ({ user, said, at }) =>
        user === attempt.to && said === 'delivered' && at <= attempt.answeredAt,
    )
    if (!isTrue) found.push(`untrue: ${name} was told delivered, and nobody took it`)
  }
  // What a session was shown and refused was not taken, whatever the sender hears.
  const taken = showings.filter(({ said }) => said === undefined || said === 'delivered')
  const room = attempts.filter((attempt) => meaningOf(attempt) !== 'no').length
  for (const [session, seen] of Map.groupBy(taken, (showing) => showing.session)) {
    if (seen.length > room) {
      found.push(`repeated: ${session} saw ${name} ${seen.length} times, with room for ${room}`)
    }
  }
  return [...found, ...judgeAfterwards(name, attempts, taken, journal)]
}

/** Once the sender holds `delivered`, the same process shows it to nobody who comes later, and to nobody twice. */
function judgeAfterwards(
  name: string,
  attempts: readonly Attempt[],
  taken: readonly Showing[],
  { begunAt }: Journal,
): readonly string[] {
  const told = attempts.filter((attempt) => meaningOf(attempt) === 'delivered')
  const toldAt = Math.min(...told.map(({ answeredAt }) => answeredAt))
  return taken
    .filter(({ at, session, serial, process }) => {
      if (at <= toldAt) return false
      const before = taken.filter((other) => other.process === process && other.at <= toldAt)
      if (before.length === 0) return false
      // What was on its way already when the sender was told is no repetition.
      const isSentAgain = attempts.some(
        (attempt) => attempt.at >= toldAt && attempt.serial < serial,
      )
      const isSecond = before.some((other) => other.session === session)
      return (isSecond && isSentAgain) || (begunAt.get(session) ?? 0) > toldAt
    })
    .map(({ session, at }) => `again: ${name} was shown to ${session} at ${at}, after delivered`)
}

function judgeOrder({ showings }: Journal, cases: ReadonlyMap<string, Case>): readonly string[] {
  const found: string[] = []
  /** By the seeing session and the sending one: the latest first attempt of anything that was seen. */
  const latest = new Map<string, { readonly serial: number; readonly name: string }>()
  for (const showing of showings) {
    const { name, attempts } = cases.get(keyOf(showing)) as Case
    const before = attempts.filter(({ serial }) => serial < showing.serial)
    const [session] = new Set(before.map((attempt) => attempt.session))
    if (session === undefined || attempts.some((attempt) => attempt.session !== session)) continue
    const lane = `${showing.session} ${session}`
    const last = Math.max(...before.map(({ serial }) => serial))
    const first = Math.min(...attempts.map(({ serial }) => serial))
    const overtaker = latest.get(lane)
    if (overtaker !== undefined && last < overtaker.serial) {
      found.push(`order: ${showing.session} saw ${overtaker.name} before ${name}`)
    }
    if (overtaker === undefined || first > overtaker.serial) {
      latest.set(lane, { serial: first, name })
    }
  }
  return found
}
