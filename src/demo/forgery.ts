/** Act five: a gateway with good papers of its own lies, and is refused each time; then all goes on as before. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAddress } from '../address/address.ts'
import { padded } from '../cli/table.ts'
import { signCredential } from '../credential/sign.ts'
import { GatewayError, isSuccess, type Status } from '../errors.ts'
import { limitsWith } from '../limits.ts'
import type { Attempt } from './attack.ts'
import { Child, type Line } from './child.ts'
import { say } from './messages.ts'
import type { Stage } from './stage.ts'

export async function showForgery(stage: Stage): Promise<undefined> {
  const { told, alice, bob, world } = stage
  told.heading(
    `A forged message: the gateway of ${world.c.domain} dials ${world.b.domain} and lies`,
  )
  const attempts = await attacked(stage)
  const wrong = attempts.find(({ status, isHonest }) => isSuccess(status) !== isHonest)
  if (wrong !== undefined) {
    throw new GatewayError('internal', `"${wrong.attempt}" was answered ${wrong.status}`)
  }
  told.line('and a true message still arrives:')
  await say(stage, { from: alice, to: bob, text: 'This one is really from me.' })
}

/** A process of its own, as an attacker would be. */
async function attacked(stage: Stage): Promise<readonly Attempt[]> {
  const { host, world, told, alice, bob } = stage
  const { b, c } = world
  const stolen = await stealCredential(host, world)
  const words = [
    ...['demo-attack', '--config', c.configFile, '--gateway', `${b.address}:${b.peerPort}`],
    ...['--victim', bob.client.user.text, '--alice', alice.client.user.text],
    ...['--stolen', stolen],
  ]
  const child = new Child('the attacker', host.again, words, host.clock)
  const attempts: Attempt[] = []
  child.onLine((line) => {
    const attempt = attemptOf(line)
    attempts.push(attempt)
    told.line(lineOf(stage, attempt))
  })
  const code = await child.ended
  await rm(stolen)
  if (code !== 0) throw child.failure(`it ended with ${code}`)
  return attempts
}

const attemptOf = ({ attempt, status, isHonest }: Line): Attempt => ({
  attempt: String(attempt),
  status: String(status) as Status,
  isHonest: isHonest === true,
})

/** What somebody would have who read alice's credential out of the memory of a gateway. */
async function stealCredential(
  { clock, random }: Stage['host'],
  { folder, a, b }: Stage['world'],
): Promise<string> {
  const needs = { domain: a.domain, userKey: a.key, clock, random, limits: limitsWith() }
  const token = signCredential(needs, {
    sub: parseAddress(`alice@${a.domain}`),
    aud: b.domain,
    scope: ['im.send'],
    seconds: undefined,
    jkt: undefined,
  })
  const file = join(folder, 'stolen.credential')
  await writeFile(file, token, { mode: 0o600 })
  return file
}

/** As wide as the longest attempt. */
const attemptWidth = 66

function lineOf({ told }: Stage, { attempt, status, isHonest }: Attempt): string {
  const verdict = isSuccess(status) ? 'taken' : 'refused'
  const colour = isSuccess(status) === isHonest ? 'green' : 'red'
  return `${padded(attempt, attemptWidth)} ${told.paint(colour, verdict)}: ${status}`
}
