/**
 * Resolve: whose question is asked when: each has one of `limits.dnsSockets` places, which are had in fair turns.
 *
 * In:    the door to DNS servers; who asks.
 * Out:   the same door, for that one.
 * Fails: never; `busy` where as many questions of the same account wait as may.
 */
import type { Meter } from '../lib/meter.ts'
import type { Limits } from '../limits.ts'
import type { Account } from '../shares/account.ts'
import { Line } from '../shares/line.ts'
import { questionMs } from '../shares/prices.ts'
import type { Shares } from '../shares/shares.ts'
import { type DnsExchange, silent } from './exchange.ts'

export const questionLine = (shares: Shares, limits: Limits, meter: Meter): Line =>
  new Line(shares, 'questions', {
    places: limits.dnsSockets,
    // The first contact of one user with one domain.
    few: 10,
    most: limits.dnsWaiting,
    priceMs: questionMs,
    waits: () => meter.hit('dnsSockets'),
  })

export const inTurn =
  (exchange: DnsExchange, line: Line, payer: Account): DnsExchange =>
  async (ask) => {
    if (!(await line.take(payer, ask.signal))) {
      return silent(ask.signal.aborted ? 'cancelled' : 'busy')
    }
    try {
      return await exchange(ask)
    } finally {
      line.give(payer)
    }
  }
