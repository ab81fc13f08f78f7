/**
 * A bot that answers every message with the same words, until Ctrl-C. `attach.ts` says how to start it.
 *
 * A message is confirmed to its sender when the handler is done. So the bot answers beside the handler and not in it:
 * its sender learns at once that it arrived, however long the answer takes.
 */
import { inspect } from 'node:util'
import type { ReceivedMessage } from '../src/client/client.ts'
import { attach, stopped } from './attach.ts'

const mark = 'echo: '

const client = await attach()
client.onMessage((message) => {
  void answer(message)
})
console.log(`attached as ${client.user.text}`)
await stopped()
await client.close()

async function answer({ from, contentType, body }: ReceivedMessage): Promise<undefined> {
  const text = body.toString()
  // Two bots must not talk for ever.
  if (text.startsWith(mark)) return
  const { status } = await client.send({ to: from, contentType, body: `${mark}${text}` })
  // `inspect` lets nothing of a stranger's text act on the terminal.
  console.log(`${from.text} said ${inspect(text)}; answer: ${status}`)
}
