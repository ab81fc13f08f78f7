/**
 * The one place where a call goes from its door to its stage: policy, then ours or elsewhere, then the facts about its
 * owner, then delivery or presence.
 *
 *   a domain speaks   Adapter ─▶ policy ─▶ owner ─▶ delivery/inbound, presence ─▶ home
 *   our user speaks   Door    ─▶ policy ─▶ delivery/outbound, presence ─▶ outside
 *
 * In:    calls whose grammar is read.
 * Out:   each is answered once, by whoever it reached.
 * Fails: the code of the first check; `service-not-offered`, `feature-required`; `busy` while a directory cannot say.
 * Spec:  [LINK-6.5-1], [LINK-4.1-5]; draft §3, §5.3.3
 */
import type { Address, Service } from '../address/address.ts'
import type { Env } from '../env.ts'
import type { Status } from '../errors.ts'
import { type AccessRequest, type Call, later, outcomeOf } from '../operation/call.ts'
import { standingOfKey } from '../operation/directory.ts'
import type { Lanes } from '../operation/lane.ts'
import type { Message } from '../operation/message.ts'
import type { Issue } from '../operation/operation.ts'
import type { Fetch, Notify, Publish, Renew, Subscribe } from '../operation/presence.ts'
import { busy, Gate } from './gate.ts'
import type { DeliveryPort, OwnersPort, PolicyPort, PresencePort } from './stages.ts'

export type ReceivePorts = {
  readonly isHosted: (domain: string) => boolean
  readonly offers: (domain: string, service: Service) => boolean
  readonly lanes: Lanes
  readonly policy: PolicyPort
  readonly owners: OwnersPort
  readonly delivery: DeliveryPort
  readonly presence: PresencePort
}

export class Receive {
  readonly #env: Env
  readonly #ports: ReceivePorts
  readonly #gate: Gate

  constructor(env: Env, ports: ReceivePorts) {
    this.#env = env
    this.#ports = ports
    this.#gate = new Gate(env, ports.owners)
  }

  readonly receive = (call: Call): undefined => {
    switch (call.operation.kind) {
      case 'message':
        return this.#message(call as Call<Message>)
      case 'publish':
        return this.#publish(call as Call<Publish>)
      case 'fetch':
        return this.#fetch(call as Call<Fetch>)
      case 'subscribe':
      case 'unsubscribe':
        return this.#subscribe(call as Call<Subscribe>)
      case 'renew':
        return this.#renew(call as Call<Renew>)
      case 'notify':
        return this.#notify(call as Call<Notify>)
      case 'issue':
        return this.#issue(call as Call<Issue>)
      default:
        return call.operation satisfies never
    }
  }

  #message(call: Call<Message>): undefined {
    const { caller, operation: message, at } = call
    const { lanes, policy, isHosted, offers, delivery } = this.#ports
    const sender = lanes.sender(message.from)
    const lane = lanes.lane(sender, message.to, at)
    const code = policy.admit(caller, message, lane, at)
    if (code !== undefined) return this.#refuse(call, code)
    if (!lanes.keep(lane)) {
      this.#env.meter.hit('lanes')
      return call.answer(busy)
    }
    message.lane = lane
    if (!isHosted(message.to.domain)) {
      if (!offers(message.from.domain, 'im')) return no(call, 'service-not-offered')
      return delivery.outbound.take(call)
    }
    if (!offers(message.to.domain, 'im')) return no(call, 'service-not-offered')
    // [LINK-4.1-5] Only the last receiver has to understand every odd field.
    if (message.unknownField !== 0) return no(call, 'feature-required')
    // The road without a promise and without a closure.
    const owner = this.#ports.owners.known(message.to, at)
    if (owner !== undefined) return delivery.inbound.take(call, policy.refusalOf(owner))
    this.#inboundLater(call, message)
  }

  /** Nothing of its lane overtakes it: all of it waits for the facts about the same owner, in one queue. */
  #inboundLater(call: Call<Message>, message: Message): undefined {
    const { policy, owners, delivery } = this.#ports
    const isWaiting =
      message.detach(this.#env.held) &&
      owners.wait(message.to, message.lane.sender.account, (owner) => {
        message.lane.waiting--
        if (owner !== undefined) return delivery.inbound.take(call, policy.refusalOf(owner))
        message.release()
        call.answer(busy)
      })
    if (isWaiting) {
      message.lane.waiting++
      return
    }
    message.release()
    call.answer(busy)
  }

  #publish(call: Call<Publish>): undefined {
    const { publisher: from, presentity: to, hops } = call.operation
    // [LINK-6.8-2] Publishing for somebody else is not offered: it would need a rule of the presentity.
    if (from.text !== to.text) return no(call, 'credential-scope')
    if (this.#isRefused(call, { from, to, scope: 'pres.publish', hops })) return
    this.#ports.presence.publish(call)
  }

  #fetch(call: Call<Fetch>): undefined {
    const { watcher: from, presentity: to, hops, unknownField } = call.operation
    const { isHosted, presence } = this.#ports
    if (this.#isRefused(call, { from, to, scope: 'pres.watch', hops })) return
    if (!isHosted(to.domain)) return presence.fetchElsewhere(call)
    // [LINK-4.1-5] Here is the last receiver.
    if (unknownField !== 0) return no(call, 'feature-required')
    this.#atPresentity(call, from, to, () => presence.fetch(call))
  }

  #subscribe(call: Call<Subscribe>): undefined {
    const { kind, id, watcher: from, presentity: to, hops } = call.operation
    const { isHosted, presence, lanes } = this.#ports
    if (this.#isRefused(call, { from, to, scope: 'pres.watch', hops, isWatch: true })) return
    const payer = lanes.accountOf(from)
    if (kind === 'unsubscribe') {
      if (!isHosted(to.domain)) return presence.unwatch(call)
      return this.#gate.behind(call, from.domain, [id], payer, () => presence.unsubscribe(call))
    }
    if (!isHosted(to.domain)) return presence.watch(call)
    this.#gate.behind(call, from.domain, [id], payer, () =>
      this.#atPresentity(call, from, to, () => presence.subscribe(call)),
    )
  }

  /** [LINK-6.11-1] On the proof of the domain alone, which its door has seen; or of one user for its own. */
  #renew(call: Call<Renew>): undefined {
    const { operation, at } = call
    const { policy, presence, lanes } = this.#ports
    const { watcher, local, ids } = operation
    const code =
      watcher === undefined
        ? policy.admitDomain(local, 'request', at)
        : policy.admitOwn(watcher, at)
    if (code !== undefined) return this.#refuse(call, code)
    const payer = watcher === undefined ? this.#env.shares.remote(local) : lanes.accountOf(watcher)
    this.#gate.behind(call, local, ids, payer, () => presence.renew(call))
  }

  /** [LINK-6.13-1] [LINK-6.13-2] Another domain tells of one of its own. */
  #notify(call: Call<Notify>): undefined {
    const { caller, operation, at } = call
    const { policy, presence } = this.#ports
    const { presentity, audience } = operation
    const code =
      caller.may('pres.notify', presentity, audience) ??
      policy.admitDomain(presentity.domain, 'notify', at)
    if (code !== undefined) return this.#refuse(call, code)
    presence.notify(call)
  }

  /** [LINK-6.6-3] A key that was taken out of the directory gets nothing more: it is asked each time. */
  #issue(call: Call<Issue>): undefined {
    const { operation, at } = call
    const { policy, owners } = this.#ports
    const code = policy.admitOwn(operation.user, at)
    if (code !== undefined) return this.#refuse(call, code)
    void owners.find(operation.user).then(
      (entry) => {
        if (entry === undefined) return no(call, 'refused')
        const standing = standingOfKey(entry, operation.key)
        return no(call, standing === 'not-listed' ? 'credential-key' : 'ok')
      },
      () => call.answer(busy),
    )
  }

  /** [LINK-6.10-4] No such user and no wish to be watched look the same. */
  #atPresentity(call: Call, watcher: Address, presentity: Address, go: () => undefined): undefined {
    const { offers, policy, lanes } = this.#ports
    if (!offers(presentity.domain, 'pres')) return no(call, 'service-not-offered')
    this.#gate.pass(call, presentity, lanes.accountOf(watcher), (owner) => {
      // While it waited the rules may have changed, and what follows outlives this call.
      const isBarred = policy.isBarred(call.caller.domain)
      const refusal = isBarred ? 'domain-refused' : policy.refusalOf(owner)
      return refusal === undefined ? go() : no(call, refusal)
    })
  }

  /** Whether a request of a user was refused by a check; then it is answered. */
  #isRefused(call: Call, asked: AccessRequest): boolean {
    const code = this.#ports.policy.admitRequest(call.caller, asked, call.at)
    if (code !== undefined) this.#refuse(call, code)
    return code !== undefined
  }

  #refuse(call: Call, code: Status): undefined {
    call.answer(later(code, code === 'rate-limited' ? this.#ports.policy.waitMs : -1))
  }
}

const no = (call: Call, code: Status): undefined => call.answer(outcomeOf(code))
