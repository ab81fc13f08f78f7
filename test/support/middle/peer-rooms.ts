/** What rooms of the links need besides a session: our domains, the core, and credentials that are held. */
import type { Address } from '../../../src/address/address.ts'
import type { Signer } from '../../../src/credential/sign.ts'
import type { Status } from '../../../src/errors.ts'
import type { RequestView } from '../../../src/link/link.ts'
import { refusableOf } from '../../../src/link/refusal.ts'
import { type Call, outcomeOf } from '../../../src/operation/call.ts'
import type { Entry } from '../../../src/operation/directory.ts'
import type { Core, Reachability, UserSession } from '../../../src/operation/ports.ts'
import type { Held } from '../../../src/peer/held-credentials.ts'
import { Hosted, type HostedDomain } from '../../../src/peer/hosted.ts'
import type { Session } from '../../../src/peer/session.ts'
import { type Scope, scopes } from '../../../src/wire/registry.ts'
import { alice, domain } from './calls.ts'

/** A domain of ours whose signer says in words what it signs. */
export const hostedDomain = (name: string, changes: Partial<HostedDomain> = {}): HostedDomain => {
  const signer: Signer = {
    signLink: ({ aud, cb }) => `assertion of ${name} to ${aud} on ${cb}`,
    signCredential: ({ sub, aud, scope, seconds, jkt }) =>
      `${sub.text} to ${aud} may ${scope.join(',')} for ${seconds} with ${jkt ?? 'any key'}`,
    signShared: ({ subs, aud, scope, seconds }) => ({
      token: `${subs.map(({ text }) => text).join(', ')} to ${aud} may ${scope.join(',')} for ${seconds}`,
      subs,
    }),
    signKeySet: () => Buffer.from(`key set of ${name}`),
  }
  return {
    ...{ domain: domain(name), signer, keySet: Buffer.from(`key set of ${name}`), keys: [] },
    services: ['im', 'pres'],
    ...changes,
  }
}

export const hostedBy = (...names: readonly [string, ...string[]]): Hosted =>
  new Hosted(names.map((name) => hostedDomain(name)) as [HostedDomain])

/** The core, as a door sees it: it writes down what comes, and answers as a test wants. */
export class TestCore implements Core {
  readonly calls: Call[] = []
  readonly told: string[] = []
  readonly attached = new Set<UserSession>()
  /** How long a domain has to wait. */
  waitMs = -1
  barred = new Set<string>()
  named = new Set<string>()
  used = new Set<string>()
  entry: Promise<Entry | undefined> = Promise.resolve({ keys: [] })
  attaching: Promise<Status> = Promise.resolve('ok')

  receive(call: Call): undefined {
    this.calls.push(call)
  }

  waitOf(name: string, what: 'request' | 'notify'): number {
    this.told.push(`${what} of ${name}`)
    return this.waitMs
  }

  standing(name: string): 'barred' | 'open' | 'named' {
    return this.barred.has(name) ? 'barred' : this.named.has(name) ? 'named' : 'open'
  }

  isUsed(name: string): boolean {
    return this.used.has(name)
  }

  find(): Promise<Entry | undefined> {
    return this.entry
  }

  async attach(session: UserSession): Promise<Status> {
    const status = await this.attaching
    if (status === 'ok') this.attached.add(session)
    return status
  }

  detach(session: UserSession): undefined {
    this.attached.delete(session)
  }

  reachable(...[via, local, remote, change]: Parameters<Core['reachable']>): undefined {
    this.told.push(`${via} ${local} ${remote} ${describe(change)}`)
  }

  refused(...[via, name, id, { status }]: Parameters<Core['refused']>): undefined {
    this.told.push(`${via} ${name} ${id} ${status}`)
  }
}

const describe = ({ isUp, isNew, restMs }: Reachability): string =>
  [
    isUp ? 'up' : 'down',
    ...(isNew ? ['new'] : []),
    ...(restMs > 0 ? [`rests ${restMs}`] : []),
  ].join(' ')

export type HoldWish = {
  readonly subject?: Address
  readonly audience?: string
  readonly scope?: readonly Scope[]
  readonly expiresAt?: number
}

/** A good credential of the far side under `number`. */
export function hold(session: Session, number: number, wish: HoldWish = {}): Held {
  const { subject = alice, audience = 'b.example', scope = scopes } = wish
  const grant = session.held.place([number], 1)
  if (typeof grant === 'string') throw new Error(grant)
  const [local, remote] = [domain(audience), subject.domain]
  session.held.accept(grant, [number], [subject], {
    pair: session.pair(local, remote) ?? {
      ...{ local, remote, kinds: new Set(), key: '' },
      services: ['im', 'pres'],
    },
    proofs: session,
    scope: new Set(scope),
    expiresAt: wish.expiresAt ?? Number.POSITIVE_INFINITY,
  })
  return session.held.get(number) as Held
}

/** Answers a request with a bare success. */
export const sayOk = (session: Session, request: RequestView): undefined =>
  session.refuse(refusableOf(request), outcomeOf('ok'))
