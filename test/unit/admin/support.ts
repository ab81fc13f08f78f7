/** A running gateway as the admin port sees it, made by hand. */
import type { Service } from '../../../src/address/address.ts'
import type { ConfigView, DestinationView, LinkView, RunningView } from '../../../src/admin/view.ts'
import type { Status } from '../../../src/errors.ts'
import type { Vitals } from '../../../src/lib/vitals.ts'
import type { Explanation } from '../../../src/resolve/resolver.ts'
import { roomShares } from '../../support/room-shares.ts'

export const dayMs = 86_400_000

export type Wish = {
  readonly flush?: RunningView['flush'] | undefined
  readonly config?: Partial<ConfigView>
  readonly links?: readonly LinkView[]
  readonly destinations?: readonly DestinationView[]
  readonly domains?: RunningView['domains']
  readonly ports?: RunningView['ports']
  readonly resolver?: RunningView['resolver']
  readonly shares?: RunningView['gateway']['shares']
  readonly journal?: Partial<RunningView['gateway']['journal']>
  readonly peers?: Partial<RunningView['gateway']['peers']>
  readonly failing?: readonly string[]
  readonly isBarred?: boolean
  readonly probe?: RunningView['gateway']['sessions']['probe']
  readonly waiting?: (service: 'im' | 'pres') => { count: number; since: number | undefined }
}

export const quietConfig: ConfigView = {
  takenAt: 1_790_000_000_000,
  refused: undefined,
  restart: [],
  reload: async () => ({ certificates: [], changed: [], restart: [] }),
}

export const ownDomain = (name: string, untilMs: number): RunningView['domains'][number] => ({
  name,
  services: ['im', 'pres'],
  certificateFrom: 0,
  certificateUntil: untilMs,
  certificateEndsWith: 'intermediate 1',
  keysUntil: untilMs,
})

export const runningWith = (wish: Wish = {}): RunningView => ({
  flush: wish.flush ?? (() => ({ answers: 0, waits: 0 })),
  domains: wish.domains ?? [],
  ports: wish.ports ?? { peers: [5279], clients: [] },
  resolver: wish.resolver ?? {
    explain: (domain, service) => Promise.resolve(found(domain, service)),
  },
  gateway: {
    isProven: () => false,
    ruling: () => ({ verdict: wish.isBarred === true ? 'deny' : 'allow', rule: undefined }),
    shares: wish.shares ?? roomShares(),
    journal: { of: () => [], peers: () => [], claimed: () => [], ...wish.journal },
    peers: { isKnown: () => true, countsOf: () => undefined, ...wish.peers },
    sessions: {
      all: wish.links ?? [],
      probe: wish.probe ?? {
        claim: async () => ({ isAsked: true, code: 'ok', detail: '' }),
        self: async () => ({ at: 'gw.a.example (192.0.2.1:5279)', who: 'us' }),
      },
      pool: {
        states: () => wish.destinations ?? [],
        isFailing: (domain) => wish.failing?.includes(domain) === true,
        waiting: wish.waiting ?? (() => ({ count: 0, since: undefined })),
      },
    },
  },
})

export const found = (domain: string, service: Service): Explanation => ({
  ...{ domain, service, at: 0, steps: [], targets: [], result: 'ok', sentence: 'found' },
})

export const destination = (
  remote: string,
  state: DestinationView['state'],
  code: Status | undefined = state === 'backing-off' ? 'remote-unreachable' : undefined,
): DestinationView => ({
  ...{ local: 'a.example', remote, service: 'im', state, code },
  retryAfterMs: state === 'backing-off' ? 4200 : 0,
  links: state === 'running' ? 1 : 0,
})

export const link = (remote: string, overrides: Partial<LinkView> = {}): LinkView => ({
  role: 'gateway',
  dialled: { remote },
  bornAt: 0,
  pairs: [{ local: 'a.example', remote, kinds: new Set(['certificate', 'key']) }],
  link: {
    state: 'open',
    underWay: 2,
    queue: () => ({ count: 0, since: undefined }),
    hello: { software: 'gatehouse/0.1.0' },
    channel: { facts: { remote: '192.0.2.7:5279' } },
  },
  ...overrides,
})

export const vitalsWith = (delays: { seconds: number; resets: number }): Vitals => ({
  node: 'v24.0.0',
  pid: 4711,
  heapBytes: () => 500,
  openFiles: () => 90,
  mostFiles: () => 100,
  loopDelay: () => ({
    seconds: (quantile) => delays.seconds * quantile,
    reset: () => {
      delays.resets++
      delays.seconds = 0
    },
    stop: () => undefined,
  }),
})
