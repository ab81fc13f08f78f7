/**
 * Many users: how many a gateway may have in a bench, and what it costs when the link that all of them use is lost.
 *
 * In:    a gateway pair whose users have all written already.
 * Out:   figures: CPU of both gateways until each user has one more message answered, over a link that is there and over
 *        one that has to be opened anew; the difference is the return of the link.
 * Fails: when a message is not answered.
 */
import { readFileSync } from 'node:fs'
import { statusOf } from '../../src/errors.ts'
import { openFilesIn } from '../../src/lib/vitals.ts'
import type { GatewayPair } from './gateway.ts'
import { cpuUs, sleepMs, spreadOf } from './measure.ts'
import type { Figures } from './report.ts'
import type { OnStep } from './rounds.ts'

/** What a process needs beside its users. */
const otherFiles = 64
const returns = 5
const settleMs = 300

/** Each user is a socket of a gateway and of a load process: not more than one process may open. */
export function usersThatFit(wanted: number): number {
  const most = openFilesIn(readFileSync('/proc/self/limits', 'latin1')) ?? wanted
  return Math.min(wanted, most - otherFiles)
}

/** What stands in the figures, and what does not. */
export const aboutMany = (users: number, wanted: number): string =>
  [
    `${users} pairs of users, each of the two a socket; one message a write, ${users === wanted ? 'all that were wanted' : `not ${wanted}: a process may not open more files`}.`,
    'In the cost of a message: reading and writing its sockets, keep-alive of silent clients. Not in it: attaching, first credentials.',
    'return.cpuMs: both gateways, one message of each user over a new link (roundCpuMs) less the same over one that is there (steadyRoundCpuMs).',
  ].join('\n')

export async function returnOfLink(pair: GatewayPair, onStep: OnStep): Promise<Figures> {
  const { a, b } = pair.pids
  const steady: number[] = []
  const anew: number[] = []
  const tookMs: number[] = []
  let refused = 0
  const before = await pair.totals()
  const round = async () => {
    const beforeUs = cpuUs(a) + cpuUs(b)
    const { sent, answered, refused: no, tookUs } = await pair.round()
    if (answered < sent) throw new Error(`${sent - answered} messages without an answer`)
    refused += no
    return { cpuMs: (cpuUs(a) + cpuUs(b) - beforeUs) / 1000, tookMs: tookUs / 1000 }
  }
  for (let i = 1; i <= returns; i++) {
    onStep(`return of the link ${i} of ${returns}`)
    steady.push((await round()).cpuMs)
    await pair.cut()
    await sleepMs(settleMs)
    const { cpuMs, tookMs: ms } = await round()
    anew.push(cpuMs)
    tookMs.push(ms)
  }
  const after = await pair.totals()
  const more = spreadOf(anew.map((ms, i) => ms - (steady[i] ?? Number.NaN)))
  return {
    'return.cpuMs': more.median,
    'return.cpuMinMs': more.min,
    'return.cpuMaxMs': more.max,
    'return.steadyRoundCpuMs': spreadOf(steady).median,
    'return.roundCpuMs': spreadOf(anew).median,
    'return.roundMs': spreadOf(tookMs).median,
    'return.credentialsShown': (after.shown - before.shown) / returns,
    'return.refused': refused,
    ...Object.fromEntries(
      Object.entries(await pair.refusals()).map(([status, count]) => [
        `refused.${statusOf(Number(status)) ?? status}`,
        count,
      ]),
    ),
  }
}
