/**
 * Certificate: the handshake that every peer will make with our own certificate, in memory.
 *
 * In:    a chain, its key, and what a peer knows of the way up.
 * Out:   why TLS cannot use it, or why such a peer would not take it; `undefined`: it would.
 * Fails: never.
 *
 * OpenSSL has the last word at both ends of a link, and knows more than any list: name constraints, the length of a path,
 * critical extensions, its own level of security.
 */
import { duplexPair } from 'node:stream'
import { connect, createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls'

export type Cast = {
  readonly chain: string
  readonly key: string
  /** PEM of whoever is needed besides the chain. */
  readonly ca: string
  readonly serverName: string
}

export type Refusal = { readonly code: string; readonly says: string }

const version: SecureContextOptions = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }

export async function rehearse({ chain, key, ca, serverName }: Cast): Promise<Refusal | undefined> {
  try {
    const ours = createSecureContext({ ...version, cert: chain, key })
    const theirs = createSecureContext({ ...version, ca })
    const [near, far] = duplexPair()
    const server = new TLSSocket(near, { isServer: true, secureContext: ours, requestCert: false })
    const client = connect({
      socket: far,
      servername: serverName,
      secureContext: theirs,
      checkServerIdentity: () => undefined,
    })
    try {
      await new Promise((resolve, reject) => {
        for (const socket of [server, client]) {
          socket.on('error', reject)
          socket.on('close', () => reject(new Error('closed in the handshake')))
        }
        server.on('_tlsError', reject)
        client.once('secureConnect', resolve)
      })
    } finally {
      client.destroy()
      server.destroy()
      near.destroy()
      far.destroy()
    }
    return undefined
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    // Node goes on with advice for programs.
    return { code, says: message.split(';')[0] as string }
  }
}
