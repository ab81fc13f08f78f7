/** What the handshakes of strangers cost is on the account of the network that they come from. */
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { networkOf } from '../../src/link/network-prefix.ts'
import { joinedGateways } from '../support/joined-gateways.ts'

test('[LINK-6.1-4] each handshake of TLS that is begun costs its network what it takes', async () => {
  const { b } = await joinedGateways({ watch: [] })
  const { gateway, ports } = b.running
  const { shares } = gateway
  const network = shares.tree.network(networkOf('127.0.0.1:1'))
  const before = shares.used(network, 'time')
  const sockets = Array.from({ length: 5 }, () =>
    connect({ host: '127.0.0.1', port: ports.peers[0] ?? 0 }).on('error', () => undefined),
  )
  await expect.poll(() => shares.used(network, 'time') - before).toBeGreaterThan(0.2)
  for (const socket of sockets) socket.destroy()
})
