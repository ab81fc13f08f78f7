/**
 * Keeps this user attached: dials, proves, and dials again when the link is lost.
 *
 *   connecting ──attached──▶ attached ──lost, released──▶ waiting ──back-off──▶ connecting
 *   any ──close, or the gateway refuses for good──▶ closed
 *
 * In:    a way to dial; who we are.
 * Out:   `up` with each new link, `down` when it takes nothing new; `changed` at each change of state.
 * Fails: the first attempt rejects with the reason; later ones are repeated, unless the gateway refuses the proof.
 * Spec:  [LINK-8.2-1] (RELEASE), design 5 (redial: doubling, cap, then jitter)
 *
 * Two waits: short ones while the gateway cannot be reached, so that its users are back soon after it is; long ones
 * for a gateway that can be reached and lets go of us again and again.
 */
import { GatewayError, type Status, statuses } from '../errors.ts'
import { backOff } from '../lib/back-off.ts'
import type { Cancel, Clock } from '../lib/clock.ts'
import { jitter, type Random } from '../lib/random.ts'
import type { Limits } from '../limits.ts'
import type { Channel } from '../link/channel.ts'
import type { Link, RequestView } from '../link/link.ts'
import { Attachment, type AttachmentNeeds } from './attachment.ts'

export type ClientState = 'connecting' | 'attached' | 'waiting' | 'closed'

/** A connected channel to the door for clients; rejects with a GatewayError. */
export type Connect = (signal: AbortSignal) => Promise<Channel>

export type ConnectionNeeds = Omit<
  AttachmentNeeds,
  'hello' | 'attached' | 'draining' | 'closed'
> & {
  readonly connect: Connect
  /** A new HELLO: its nonce is for one link. */
  readonly hello: () => AttachmentNeeds['hello']
  /** What names our key now. */
  readonly credential: () => Promise<string | undefined>
  readonly up: (link: Link) => undefined
  readonly down: () => undefined
  /** Closed, and the last link is gone. */
  readonly gone: () => undefined
  /** `reason`: why it is not attached. */
  readonly changed: (state: ClientState, reason: GatewayError | undefined) => undefined
  readonly request: (link: Link, request: RequestView) => undefined
  readonly clock: Clock
  readonly random: Random
  readonly limits: Limits
}

type Reached = { readonly channel: Channel; readonly credential: string | undefined }

type Waiter = {
  readonly resolve: () => void
  readonly reject: (error: GatewayError) => void
}

export class Connection {
  readonly #needs: ConnectionNeeds
  readonly #stopDial = new AbortController()
  /** Every link that is not closed: old ones drain while a new one works. */
  readonly #links = new Set<Attachment>()
  #state: ClientState = 'connecting'
  #current: Attachment | undefined
  #attachedAt = 0
  /** Dials in a row that reached nobody, and links in a row that were lost soon. */
  #failures = 0
  #losses = 0
  #first: Waiter | undefined
  #isGone = false
  #closing: (() => void)[] = []
  #stopWaiting: Cancel = () => undefined
  #stopFirst: Cancel = () => undefined

  constructor(needs: ConnectionNeeds) {
    this.#needs = needs
  }

  get state(): ClientState {
    return this.#state
  }

  /** Resolves once attached. */
  open(withinMs: number | undefined): Promise<void> {
    const { clock } = this.#needs
    const late = (): undefined => {
      this.#end(new GatewayError('remote-timeout', 'the gateway does not answer in time'))
      for (const { link } of this.#links) link.release('shutdown')
    }
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject }
      if (withinMs !== undefined) this.#stopFirst = clock.after(withinMs, late)
      void this.#dial()
    })
  }

  /** Lets go; resolves when what was under way is answered and every link is closed. */
  close(): Promise<void> {
    this.#end(new GatewayError('link-stopped', 'closed by the program'))
    for (const { link } of this.#links) link.release('shutdown')
    return new Promise((resolve) => {
      if (this.#isGone) resolve()
      else this.#closing.push(resolve)
    })
  }

  /** Once a second. */
  tick(now: number): undefined {
    for (const { link } of this.#links) link.tick(now)
  }

  async #dial(): Promise<void> {
    this.#enter('connecting', undefined)
    try {
      const { channel, credential } = await this.#reach()
      if (this.#isClosed) return channel.destroy()
      const attachment = new Attachment(channel, credential, {
        ...this.#needs,
        hello: this.#needs.hello(),
        attached: (own) => this.#attached(own),
        draining: (own, reason) => this.#lost(own, reason, `released: ${reason}`),
        closed: (own, reason, detail) => this.#closed(own, reason, detail),
      })
      this.#links.add(attachment)
      attachment.start()
    } catch (error) {
      this.#failed(asGatewayError(error), () => this.#unreachedMs())
    }
  }

  /** Credential and channel, within the time for a dial. */
  #reach(): Promise<Reached> {
    const { connect, credential: ask, clock, limits } = this.#needs
    const { signal } = this.#stopDial
    const reach = async (): Promise<Reached> => {
      const credential = await ask()
      return { credential, channel: await connect(signal) }
    }
    return new Promise((resolve, reject) => {
      let isLate = false
      const cancel = clock.after(limits.dialMs, () => {
        isLate = true
        reject(new GatewayError('link-refused', 'the gateway was not reached in time'))
      })
      reach().then(
        (reached) => {
          cancel()
          if (isLate) reached.channel.destroy()
          else resolve(reached)
        },
        (error: unknown) => {
          cancel()
          reject(error)
        },
      )
    })
  }

  #attached(attachment: Attachment): undefined {
    this.#current = attachment
    this.#attachedAt = this.#needs.clock.now()
    this.#failures = 0
    this.#enter('attached', undefined)
    this.#needs.up(attachment.link)
    this.#stopFirst()
    this.#first?.resolve()
    this.#first = undefined
  }

  #closed(attachment: Attachment, reason: Status, detail: string): undefined {
    this.#links.delete(attachment)
    this.#lost(attachment, reason, detail)
    if (this.#isClosed) return this.#leave()
    if (attachment.wasAttached) return
    const { refusal } = attachment
    if (refusal !== undefined && isFinal(refusal.code)) return this.#end(refusal)
    this.#failed(refusal ?? new GatewayError(reason, detail), () => this.#lostMs())
  }

  /** The link takes nothing new. */
  #lost(attachment: Attachment, reason: Status, detail: string): undefined {
    if (this.#current !== attachment) return
    this.#current = undefined
    this.#needs.down()
    if (this.#isClosed) return
    // A gateway that lets us in and drops us at once is not dialled faster than one that is away.
    const { clock, limits } = this.#needs
    if (clock.now() - this.#attachedAt > limits.redialCapMs) this.#losses = 0
    this.#wait(new GatewayError(reason, detail), this.#lostMs())
  }

  #failed(error: GatewayError, waitMs: () => number): undefined {
    if (this.#isClosed) return
    if (this.#first !== undefined) return this.#end(error)
    this.#wait(error, waitMs())
  }

  #unreachedMs(): number {
    const { redialMs, clientRedialCapMs } = this.#needs.limits
    return backOff(this.#failures++, redialMs, clientRedialCapMs)
  }

  #lostMs(): number {
    const { redialMs, redialCapMs } = this.#needs.limits
    return backOff(this.#losses++, redialMs, redialCapMs)
  }

  #wait(error: GatewayError, ms: number): undefined {
    const { clock, random } = this.#needs
    const waitMs = jitter(random, ms, 0.8, 1.4)
    this.#enter('waiting', error)
    this.#stopWaiting = clock.after(Math.max(waitMs, error.retryAfterMs ?? 0), () => {
      void this.#dial()
    })
  }

  #end(error: GatewayError): undefined {
    if (this.#isClosed) return
    this.#stopWaiting()
    this.#stopFirst()
    this.#enter('closed', error)
    this.#stopDial.abort()
    this.#first?.reject(error)
    this.#first = undefined
    this.#leave()
  }

  /** Closed: over once every link is. */
  #leave(): undefined {
    if (this.#links.size > 0 || this.#isGone) return
    this.#isGone = true
    this.#needs.gone()
    for (const resolve of this.#closing.splice(0)) resolve()
  }

  get #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #enter(state: ClientState, reason: GatewayError | undefined): undefined {
    this.#state = state
    this.#needs.changed(state, reason)
  }
}

/** The same proof would be refused again. A limit that is reached may be that of our own links that died unnoticed. */
function isFinal(code: Status): boolean {
  const { retry } = statuses[code]
  return retry === 'never' || (retry === 'change' && code !== 'limit-reached')
}

const asGatewayError = (error: unknown): GatewayError =>
  error instanceof GatewayError
    ? error
    : new GatewayError('link-refused', `cannot connect: ${String(error)}`, { cause: error })
