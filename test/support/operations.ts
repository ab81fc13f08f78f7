/** Messages and audiences as stages make them, and whoever is told how an operation ended. */
import { type Address, parseAddress } from '../../src/address/address.ts'
import { defaultContentType, encodeMessage } from '../../src/command/message.ts'
import type { Status } from '../../src/errors.ts'
import type { Asker, Outcome } from '../../src/operation/call.ts'
import { Message, type Place } from '../../src/operation/message.ts'
import type { Operation } from '../../src/operation/operation.ts'
import type { Audience, Notice } from '../../src/operation/presence.ts'
import { makeLanes } from './middle/messages.ts'
import { messageId } from './script/peer.ts'

export const alice = parseAddress('alice@a.example')
export const anna = parseAddress('anna@a.example')
export const bob = parseAddress('bob@b.example')
export const carol = parseAddress('carol@b.example')

/** Sixteen characters that are told apart by `name`. */
export const idOf = (name: string): string => name.padEnd(16, '.')

export type Letter = {
  /** Also names it: its id is made of it. */
  readonly body: string
  readonly from?: Address
  readonly to?: Address
  readonly place?: Place
}

/** What a door does not count. */
const noPlace: Place = { epoch: 0, sequence: 0, settled: 0 }

/** A message as a door makes it; its bytes are not those of anybody else. */
export function makeMessage({ body, from = alice, to = bob, place = noPlace }: Letter): Message {
  const id = messageId(`${from.text} ${body}`)
  const fields = encodeMessage(to.text, id, defaultContentType)
  const bytes = Buffer.concat([fields, Buffer.from(body)])
  const at = [fields.indexOf(id), 0, fields.length, bytes.length] as const
  return new Message(from, to, place, 1, 0, bytes, ...at)
}

export const bodyOf = ({ buffer, bodyAt, end }: Message): string =>
  buffer.toString('latin1', bodyAt, end)

/** Makes messages as `route/` gives them on: each with its lane. */
export class Letters {
  readonly #lanes = makeLanes(1000)

  make(letter: Letter): Message {
    const message = makeMessage(letter)
    const { from, to } = message
    const lane = this.#lanes.lane(this.#lanes.sender(from), to, 0)
    this.#lanes.keep(lane)
    message.lane = lane
    return message
  }
}

/** Told how operations ended: each line is one end. */
export class Ends<O extends Operation> implements Asker<O> {
  readonly log: string[] = []
  readonly outcomes: Outcome[] = []
  onEnd: (name: string, status: Status) => undefined = () => undefined
  readonly #nameOf: (operation: O) => string

  constructor(nameOf: (operation: O) => string) {
    this.#nameOf = nameOf
  }

  ended(operation: O, outcome: Outcome): undefined {
    const { status } = outcome
    const name = this.#nameOf(operation)
    this.log.push(`${name} ${status}`)
    this.outcomes.push(copyOf(outcome))
    this.onEnd(name, status)
  }
}

/** Whoever keeps an outcome copies it: it is lent. */
export function copyOf(outcome: Outcome): Outcome {
  const { rest, answer } = outcome
  const presence = answer?.presence
  return {
    ...outcome,
    rest: rest === undefined ? undefined : { ...rest, buffer: Buffer.from(rest.buffer) },
    answer:
      presence === undefined
        ? answer
        : { ...answer, presence: { ...presence, document: Buffer.from(presence.document) } },
  }
}

/** Some watchers of `alice` in b.example. */
export class Watched implements Audience {
  readonly via: string
  readonly presentity = alice
  readonly domain = bob.domain
  readonly watchers: Map<string, Address>
  #notice: Notice | undefined = undefined
  #seq = 0

  constructor(via: string, names: readonly string[]) {
    this.via = via
    this.watchers = new Map(names.map((name) => [idOf(name), bob]))
    this.show('nothing yet')
  }

  /** What they are told when their turn comes; nothing: there is nothing to tell. */
  show(document: string | undefined): undefined {
    const version = { epoch: 1, seq: ++this.#seq }
    this.#notice =
      document === undefined
        ? undefined
        : {
            state: 'active',
            event: undefined,
            presence: { document: Buffer.from(document), version },
          }
  }

  members(): Iterable<string> {
    return this.watchers.keys()
  }

  watcher(subscription: string): Address | undefined {
    return this.watchers.get(subscription)
  }

  latest(): Notice | undefined {
    return this.#notice
  }
}
