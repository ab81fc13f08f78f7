/**
 * Resolve: one question to all servers in turn, until one knows.
 *
 * In:    a question, and until when an answer counts.
 * Out:   the first answer, whichever try it is to; or what the last try failed with.
 * Fails: never.
 * Spec:  RFC 1035 §7.2 and §7.3 (the next server after silence, the same one after more; an answer to an earlier try is
 *        one), RFC 6891 §6.2.2 (EDNS that is not understood is left out), RFC 9520 §3.1 (the number of tries).
 */
import type { Cancel, Clock } from '../lib/clock.ts'
import type { Account } from '../shares/account.ts'
import { type Needs as AskNeeds, askServer, type Reply, type Request } from './ask-server.ts'
import type { DnsServer } from './exchange.ts'
import type { Place, QuestionLine } from './in-turn.ts'
import type { Question } from './message.ts'
import type { ServerList } from './server-list.ts'

export type Needs = AskNeeds & {
  readonly clock: Clock
  /** Where questions wait for their turn. */
  readonly line?: QuestionLine | undefined
}

export type Asking = {
  readonly question: Question
  readonly signal: AbortSignal
  /** On whose account; nobody: it waits for nobody. */
  readonly payer: Account | undefined
}

export type Asked = { readonly reply: Reply; readonly server: DnsServer | undefined }

type Try = { readonly server: DnsServer; readonly edns: boolean }

export const askServers = (needs: Needs, servers: ServerList, asking: Asking): Promise<Asked> =>
  new Promise((resolve) => new Tries(needs, servers, asking, resolve).next())

/** The tries of one question: each is heard until the end, and the silence of the newest is the start of the next. */
class Tries {
  readonly #needs: Needs
  readonly #servers: ServerList
  readonly #asking: Asking
  readonly #resolve: (asked: Asked) => void
  readonly #waiting: Try[]
  readonly #isAlone: boolean
  /** In the order of their start. */
  readonly #underWay = new Set<AbortController>()
  #newest: AbortController | undefined
  #last: Asked = { reply: nobodyAsked, server: undefined }
  #isOver = false
  #cancelPause: Cancel = () => undefined

  constructor(needs: Needs, servers: ServerList, asking: Asking, resolve: (asked: Asked) => void) {
    const inOrder = servers.inOrder()
    this.#needs = needs
    this.#servers = servers
    this.#asking = asking
    this.#resolve = resolve
    this.#isAlone = inOrder.length === 1
    // What kept a server from answering the first time may be EDNS: not known, dropped on the way, the cause of SERVFAIL.
    this.#waiting = Array.from({ length: needs.limits.dnsRounds }).flatMap((_, round) =>
      inOrder.map((server) => ({ server, edns: round === 0 && servers.takesEdns(server) })),
    )
  }

  readonly next = (): undefined => {
    this.#cancelPause()
    const one = this.#asking.signal.aborted ? undefined : this.#waiting.shift()
    if (one !== undefined) void this.#try(one)
    else if (this.#underWay.size === 0) this.#finish(this.#last)
  }

  async #try({ server, edns }: Try): Promise<undefined> {
    const { question, signal } = this.#asking
    const stop = new AbortController()
    const abort = (): undefined => {
      stop.abort()
    }
    this.#underWay.add(stop)
    this.#newest = stop
    signal.addEventListener('abort', abort)
    const place = await this.#place(stop.signal)
    const reply =
      typeof place === 'string'
        ? { ...nobodyAsked, failure: place }
        : await this.#ask({ server, question, edns, signal: stop.signal }, place, abort)
    signal.removeEventListener('abort', abort)
    this.#underWay.delete(stop)
    if (!this.#isOver) this.#heard({ reply, server }, edns)
  }

  async #place(signal: AbortSignal): Promise<Place | 'busy' | 'cancelled' | undefined> {
    const { line } = this.#needs
    const { payer } = this.#asking
    return line === undefined || payer === undefined ? undefined : line.take(payer, signal)
  }

  async #ask(
    request: Omit<Request, 'isLate'>,
    place: Place | undefined,
    giveUp: () => undefined,
  ): Promise<Reply> {
    const { clock, limits } = this.#needs
    const newest = this.#newest
    let isLate = false
    const cancel = clock.after(limits.dnsTryMs, () => {
      isLate = true
      this.#servers.judge(request.server, 'timeout')
      place?.late(giveUp)
      if (this.#newest === newest) this.#afterSilence()
    })
    const reply = await askServer(this.#needs, { ...request, isLate: () => isLate })
    cancel()
    place?.end()
    return reply
  }

  /** The next server at once; the same one again only after twice the time, since it may be slow. */
  #afterSilence(): undefined {
    const { clock, limits } = this.#needs
    if (this.#isAlone) this.#cancelPause = clock.after(limits.dnsTryMs, this.next)
    else this.next()
  }

  #heard(asked: { readonly reply: Reply; readonly server: DnsServer }, edns: boolean): undefined {
    const { reply, server } = asked
    this.#last = asked
    if (reply.answer !== undefined) {
      if (!edns && this.#servers.takesEdns(server)) this.#servers.wantsPlain(server)
      return this.#finish(asked)
    }
    this.#servers.judge(server, reply.failure)
    // Other servers would not be asked either.
    if (reply.failure === 'busy') this.#waiting.length = 0
    return this.next()
  }

  #finish(asked: Asked): undefined {
    this.#isOver = true
    this.#cancelPause()
    for (const stop of this.#underWay) stop.abort()
    this.#resolve(asked)
  }
}

const nobodyAsked: Reply = {
  answer: undefined,
  failure: 'no-servers',
  transport: 'udp',
}
