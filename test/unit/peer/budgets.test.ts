/** What claims and credentials may cost: signatures that are checked, keys that are fetched. */
import { describe, expect, test } from 'vitest'
import { limitsWith } from '../../../src/limits.ts'
import { StrangerBudget } from '../../../src/peer/stranger-budget.ts'
import { VerificationBudget } from '../../../src/peer/verification-budget.ts'

describe('signatures', () => {
  const limits = limitsWith({
    ...{ verificationsPerSecond: 3, verificationsInAll: 4, claimVerificationsPerNetwork: 2 },
  })

  test('[LINK-6.3-9] of credentials count for their issuer, then for all', () => {
    const budget = new VerificationBudget(limits, 0)
    const take = (issuer: string) => budget.takeCredential(issuer, 0)
    expect(['a', 'a', 'a', 'a'].map(take)).toEqual([
      ...Array(3).fill(undefined),
      'verificationsPerSecond',
    ])
    expect(['b', 'c'].map(take)).toEqual([undefined, 'verificationsInAll'])
    expect(budget.takeCredential('c', 1000)).toBe(undefined)
  })

  test('[LINK-6.1-4] of claims count for the network that they come from, then for all claims', () => {
    const budget = new VerificationBudget(limits, 0)
    const take = (network: string) => budget.takeClaim(network, 0)
    expect(['n', 'n', 'n'].map(take)).toEqual([
      undefined,
      undefined,
      'claimVerificationsPerNetwork',
    ])
    expect(['m', 'o'].map(take)).toEqual([undefined, 'verificationsPerSecond'])
  })

  test('of claims take nothing from credentials', () => {
    const budget = new VerificationBudget(limits, 0)
    for (const network of ['n', 'm', 'o', 'p']) budget.takeClaim(network, 0)
    expect(budget.takeCredential('a', 0)).toBe(undefined)
  })
})

describe('keys of strangers', () => {
  const limits = limitsWith({
    ...{ strangerDialsPerSecond: 2, strangerDialsPerNetwork: 1, strangerDialsPerNetworkBurst: 1 },
  })

  test('are fetched so often for links of one network, and so often in all', () => {
    const budget = new StrangerBudget(limits, 0)
    const take = (network: string) => budget.take(network, 0)
    expect(['n', 'n', 'm', 'o'].map(take)).toEqual([
      undefined,
      'strangerDialsPerNetwork',
      undefined,
      'strangerDialsPerSecond',
    ])
    expect(budget.take('n', 1000)).toBe(undefined)
  })

  test('of domains that the operator names have a reserve, which no stranger uses up', () => {
    const budget = new StrangerBudget(limits, 0)
    for (const network of ['n', 'm', 'o']) budget.take(network, 0)
    expect([1, 2, 3].map(() => budget.takeReserve(0))).toEqual([true, true, false])
    expect(budget.takeReserve(1000)).toBe(true)
  })
})
