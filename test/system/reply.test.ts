/** Two whole gateways over TLS and a user on each, both with the client library: a reply goes to what was shown. */
import { expect, test } from 'vitest'
import type { ReceivedMessage } from '../../src/client/client.ts'
import { joinedGateways } from '../support/joined-gateways.ts'

test('a reply to the sender that was shown reaches the sender', async () => {
  const { a, b } = await joinedGateways({ watch: [] })
  const [asked, replied] = [
    Promise.withResolvers<ReceivedMessage>(),
    Promise.withResolvers<ReceivedMessage>(),
  ]
  b.client.onMessage((message) => asked.resolve(message))
  a.client.onMessage((message) => replied.resolve(message))
  const sent = await a.client.send({ to: 'bob@b.example', body: 'are you there?' })
  expect(sent.status).toBe('delivered')
  const { from, to, body } = await asked.promise
  expect([to.text, `${body}`]).toEqual(['bob@b.example', 'are you there?'])
  const answer = await b.client.send({ to: from, body: 'yes' })
  expect(answer.status).toBe('delivered')
  const reply = await replied.promise
  expect([reply.from.text, `${reply.body}`]).toEqual(['bob@b.example', 'yes'])
})
