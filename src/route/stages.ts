/** What the route needs of the stages that it calls. */
import type { Address } from '../address/address.ts'
import type { Domain } from '../address/domain.ts'
import type { Status } from '../errors.ts'
import type { AccessRequest, Call, Caller } from '../operation/call.ts'
import type { Entry, Owner } from '../operation/directory.ts'
import type { Lane } from '../operation/lane.ts'
import type { Message } from '../operation/message.ts'
import type { Fetch, Notify, Publish, Renew, Subscribe } from '../operation/presence.ts'
import type { Account } from '../shares/account.ts'

export interface PolicyPort {
  /** After `rate-limited`. */
  readonly waitMs: number
  admit(caller: Caller, message: Message, lane: Lane, at: number): Status | undefined
  admitRequest(caller: Caller, asked: AccessRequest, at: number): Status | undefined
  admitOwn(user: Address, at: number): Status | undefined
  admitDomain(domain: Domain, what: 'request' | 'notify', at: number): Status | undefined
  isBarred(domain: Domain): boolean
  refusalOf(owner: Owner): Status | undefined
}

export interface OwnersPort {
  known(user: Address, at: number): Owner | undefined
  wait(user: Address, payer: Account, then: (owner: Owner | undefined) => undefined): boolean
  find(user: Address): Promise<Entry | undefined>
}

export type DeliveryPort = {
  readonly inbound: {
    readonly take: (call: Call<Message>, refusal: Status | undefined) => undefined
  }
  readonly outbound: { readonly take: (call: Call<Message>) => undefined }
}

export interface PresencePort {
  publish(call: Call<Publish>): undefined
  fetch(call: Call<Fetch>): undefined
  fetchElsewhere(call: Call<Fetch>): undefined
  subscribe(call: Call<Subscribe>): undefined
  unsubscribe(call: Call<Subscribe>): undefined
  watch(call: Call<Subscribe>): undefined
  unwatch(call: Call<Subscribe>): undefined
  renew(call: Call<Renew>): undefined
  notify(call: Call<Notify>): undefined
}
