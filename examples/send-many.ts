/**
 * Sends each line of standard input as a message, and tells what became of it.
 *
 *     seq 1 30 | npx node examples/send-many.ts … bob@b.example
 *
 * All lines are given to the client at once: it keeps up to 16 under way, and those that arrive arrive in the order of
 * the lines. Each line ends once: `delivered`, or a failure that says who found it and when to try again. With the usual
 * limits (`laneBurst`, `lanePerSecond`) some of thirty lines are `rate-limited`. What failed would come behind the others
 * if it were sent again: whoever needs every line waits for each answer before the next line.
 */
import { createInterface } from 'node:readline'
import type { SendResult } from '../src/client/client.ts'
import { attach, words } from './attach.ts'

const [to] = words
if (to === undefined) throw new Error('expected the address of somebody')
const client = await attach()
const sent: Promise<SendResult>[] = []
for await (const body of createInterface({ input: process.stdin })) {
  sent.push(send(sent.length + 1, to, body))
}
const results = await Promise.all(sent)
await client.close()

const byStatus = Object.groupBy(results, ({ status }) => status)
const sums = Object.entries(byStatus).map(([status, all]) => `${status}: ${all.length}`)
console.log(`of ${results.length}: ${sums.join(', ')}`)
process.exitCode = results.every(({ status }) => status === 'delivered') ? 0 : 1

async function send(number: number, recipient: string, body: string): Promise<SendResult> {
  const result = await client.send({ to: recipient, body })
  const { status, reporter, retryAfterMs } = result
  const by = reporter === undefined ? '' : `, told by ${reporter}`
  const wait = retryAfterMs === undefined ? '' : `; again in ${retryAfterMs} ms`
  console.log(`${number} ${status}${by}${wait}`)
  return result
}
