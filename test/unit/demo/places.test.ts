import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { freePorts, loopback } from '../../../src/demo/places.ts'

test('a domain gets an address of its own where the machine has it, else the usual one', async () => {
  expect(await loopback('127.0.0.1')).toBe('127.0.0.1')
  expect(await loopback('203.0.113.77')).toBe('127.0.0.1')
})

test('ports are different, and free', async () => {
  const ports = await freePorts('127.0.0.1', 8)
  expect(new Set(ports).size).toBe(8)
  for (const port of ports) {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve)
    })
    server.close()
  }
})
