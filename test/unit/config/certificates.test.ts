import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { expect, test } from 'vitest'
import { createDevelopmentCa, createLeaf } from '../../../src/config/certificates.ts'

const wall = () => Date.now()

test('a leaf is for its names, for TLS servers, and issued by the authority', async () => {
  const ca = await createDevelopmentCa({ days: 30, wall: () => Date.UTC(2030, 0, 10) })
  const pair = await createLeaf(ca, ['a.example', 'xn--bcher-kva.example'], {
    days: 5,
    wall: () => Date.UTC(2030, 0, 12),
  })
  const authority = new X509Certificate(ca.certificatePem)
  const leaf = new X509Certificate(pair.certificatePem)
  expect(leaf.subjectAltName).toBe('DNS:a.example, DNS:xn--bcher-kva.example')
  expect(leaf.checkHost('a.example', { subject: 'never' })).toBe('a.example')
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
  expect([leaf.ca, authority.ca]).toEqual([false, true])
  expect(leaf.checkIssued(authority) && leaf.verify(authority.publicKey)).toBe(true)
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
  expect([leaf.validFromDate.toISOString(), leaf.validToDate.toISOString()]).toEqual([
    '2030-01-11T23:00:00.000Z',
    '2030-01-17T00:00:00.000Z',
  ])
})

test('TLS 1.3 takes the leaf from whoever trusts the authority, and from nobody else', async () => {
  const ca = await createDevelopmentCa({ days: 30, wall })
  const stranger = await createDevelopmentCa({ days: 30, wall })
  const { certificatePem: cert, keyPem: key } = await createLeaf(ca, ['a.example'], {
    days: 5,
    wall,
  })
  const server = createServer({ cert, key, minVersion: 'TLSv1.3' }, (socket) => socket.end('hello'))
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const outcome = (trusted: string, servername: string) =>
    new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', servername, ca: trusted })
      socket.once('data', (data) => {
        resolve(String(data))
        socket.destroy()
      })
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
  expect(await outcome(ca.certificatePem, 'a.example')).toBe('hello')
  expect(await outcome(ca.certificatePem, 'b.example')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  expect(await outcome(stranger.certificatePem, 'a.example')).toBe(
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  )
  server.close()
  await once(server, 'close')
})

test('the library is loaded only when it is asked for something', async () => {
  const source = await import('node:fs').then(({ readFileSync }) =>
    readFileSync(new URL('../../../src/config/certificates.ts', import.meta.url), 'utf8'),
  )
  expect(source).not.toMatch(/^import .*(x509|reflect-metadata)/m)
})
