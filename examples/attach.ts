/**
 * Who speaks and where the gateway is, from the command line; then a client that is attached. The other examples use it.
 *
 * In a checkout, with a gateway of one's own:
 *
 *     npm run -s gatehouse -- init a.example -d ../site
 *     npm run -s gatehouse -- run -c ../site/gatehouse.yaml &
 *     npm run -s gatehouse -- keys generate ../site/bot.key
 *     npm run -s gatehouse -- credential issue bot -c ../site/gatehouse.yaml -k ../site/bot.key > ../site/bot.token
 *     npx node examples/echo-bot.ts --ca ../site/certificates/development-ca.pem \
 *       --user bot@a.example --key ../site/bot.key --credential ../site/bot.token
 *
 * Where the directory of the domain lists the user's key, no credential is needed: it says once that the key is the
 * user's, and the client renews it by itself. `--ca` names an authority that the system does not know; `--host` and
 * `--port` say where the gateway is (127.0.0.1, 5280). A program of its own imports `gatehouse/client`.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { type Client, connectClient } from '../src/client/client.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    user: { type: 'string' },
    key: { type: 'string' },
    credential: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '5280' },
    ca: { type: 'string' },
    note: { type: 'string', default: '' },
  },
})

/** What else stands on the command line. */
export const words: readonly string[] = positionals
export const { note } = values

export async function attach(): Promise<Client> {
  const { user, key, credential, host, port, ca } = values
  if (user === undefined || key === undefined) throw new Error('expected --user and --key')
  return connectClient({
    user,
    key: await readFile(key, 'utf8'),
    credential: credential === undefined ? undefined : (await readFile(credential, 'utf8')).trim(),
    host,
    port: Number(port),
    ca: ca === undefined ? [] : [await readFile(ca, 'utf8')],
  })
}

/** Resolves at Ctrl-C; the next one ends the process at once. */
export const stopped = (): Promise<unknown> =>
  Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
