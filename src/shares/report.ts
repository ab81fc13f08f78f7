/**
 * The report: what is scarce, and who has most of what runs out, for whoever runs the gateway.
 *
 * In:    the accounts, as they are when somebody asks.
 * Out:   values that can be shown. Who has more than its share stands first, then who uses most time.
 * Fails: never.
 *
 * Users are counted and never named, ours and those elsewhere. Named are domains that our users know, and networks of
 * strangers with the domains that came from them. A network from which no domain came is named while it is over its
 * share alone: until they have attached, our own clients are in the account of their network, too.
 */
import { type Account, type Resource, resources } from './account.ts'
import type { Shares } from './shares.ts'
import { rest } from './tree.ts'

/** Users, known domains, networks of strangers, and the admin port. */
export type ShareClass = 'ours' | 'known' | 'strangers' | 'admin'

/** Time in ms of the last seconds; else bytes or places. */
export type ResourceReport = {
  readonly name: Resource
  readonly used: number
  readonly size: number
  readonly scarce: boolean
  /** `over`: how many of the class have more than their share. */
  readonly classes: Readonly<Record<ShareClass, { readonly used: number; readonly over: number }>>
}

export type PartyReport = {
  /** A domain, or a network. */
  readonly name: string
  readonly class: 'known' | 'strangers'
  /** Those of a network that use most, and how many there are. */
  readonly domains: readonly string[]
  readonly domainCount: number
  /** What it uses nothing of is left out. */
  readonly used: Readonly<Partial<Record<Resource, number>>>
  readonly over: readonly Resource[]
}

export type SharesReport = {
  readonly resources: readonly ResourceReport[]
  readonly most: readonly PartyReport[]
  /** Who else is over its share. */
  readonly leftOut: number
}

const mostParties = 20
const mostDomains = 3

export function reportOf(
  shares: Shares,
  sizes: readonly number[],
  isScarce: readonly boolean[],
): SharesReport {
  const { all, ours, known, strangers, admin } = shares.tree
  // There may be thousands of accounts, and most of the time nobody is limited.
  const limited = resources.filter((resource) => shares.isScarce(resource))
  const surveys = {
    ours: survey(shares, limited, childrenOf(ours), () => false),
    known: survey(shares, limited, childrenOf(known), () => true),
    strangers: survey(shares, limited, childrenOf(strangers), hasChildren),
    admin: survey(shares, limited, [admin], () => false),
  }
  const parties = [...surveys.known.parties, ...surveys.strangers.parties].sort(byNeed)
  const overs = parties.filter(({ isOver }) => isOver).length
  const classOf = (own: ShareClass, resource: Resource) => ({
    used: Math.round(shares.used(shares.tree[own], resource)),
    over: surveys[own].overs.get(resource) ?? 0,
  })
  return {
    resources: resources.map((name, at) => ({
      name,
      used: Math.round(shares.used(all, name)),
      size: Math.round(sizes[at] as number),
      scarce: isScarce[at] as boolean,
      classes: {
        ours: classOf('ours', name),
        known: classOf('known', name),
        strangers: classOf('strangers', name),
        admin: classOf('admin', name),
      },
    })),
    most: parties.slice(0, mostParties).map(({ account }) => partyOf(shares, account)),
    leftOut: Math.max(0, overs - mostParties),
  }
}

/** Of what `account` has more than its share. */
export const overOf = (shares: Shares, account: Account): readonly Resource[] =>
  resources.filter((resource) => shares.isOver(account, resource))

type Ranked = { readonly account: Account; readonly time: number; readonly isOver: boolean }

/** Who is over its share first, then who uses most time. */
const byNeed = (a: Ranked, b: Ranked): number =>
  Number(b.isOver) - Number(a.isOver) || b.time - a.time

type Survey = {
  readonly parties: readonly Ranked[]
  /** How many are over. */
  readonly overs: ReadonlyMap<Resource, number>
}

/** Those who are over their share of anything, or are shown whether they are or not. */
function survey(
  shares: Shares,
  limited: readonly Resource[],
  members: Iterable<Account>,
  isShown: (member: Account) => boolean,
): Survey {
  const parties: Ranked[] = []
  const overs = new Map<Resource, number>()
  for (const account of members) {
    let isOver = false
    for (const resource of limited) {
      if (!shares.isOver(account, resource)) continue
      isOver = true
      overs.set(resource, (overs.get(resource) ?? 0) + 1)
    }
    if (isOver || isShown(account)) {
      parties.push({ account, time: shares.used(account, 'time'), isOver })
    }
  }
  return { parties, overs }
}

const hasChildren = ({ children }: Account): boolean => (children?.size ?? 0) > 0

const childrenOf = ({ children }: Account): Iterable<Account> => children?.values() ?? []

function partyOf(shares: Shares, account: Account): PartyReport {
  const isKnown = account.parent === shares.tree.known
  // Below a domain stand those who send for it.
  const domains = isKnown ? [] : survey(shares, resources, childrenOf(account), () => true).parties
  const used = resources
    .map((name) => [name, Math.round(shares.used(account, name))] as const)
    .filter(([, amount]) => amount > 0)
  return {
    name: titleOf(account),
    class: isKnown ? 'known' : 'strangers',
    domains: [...domains]
      .sort(byNeed)
      .slice(0, mostDomains)
      .map((domain) => titleOf(domain.account)),
    domainCount: domains.length,
    used: Object.fromEntries(used),
    over: overOf(shares, account),
  }
}

/** The two accounts that stand for many. */
const titleOf = ({ name }: Account): string =>
  name === rest ? 'all others' : name === '' ? 'not met' : name
