/**
 * Real name servers for the system tests: NSD as the authority, unbound as the validating resolver.
 *
 * Each runs in the foreground from files in a directory of its own, on loopback, and is ended by its pid.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DnsServer } from '../../src/resolve/exchange.ts'

export type NameServer = {
  readonly server: DnsServer
  readonly close: () => Promise<undefined>
}

const nsd = '/usr/sbin/nsd'
const unbound = '/usr/sbin/unbound'
const signer = '/usr/bin/ldns-signzone'

export const hasNameServers = existsSync(nsd) && existsSync(unbound)
export const hasSigner = existsSync(signer)

/** By the name of the zone: its records as a zone file writes them, without SOA and NS. */
export type Zones = Readonly<Record<string, string>>

export type SignedZone = { readonly text: string; readonly anchor: string }

const zoneFile = (origin: string, records: string): string => `$ORIGIN ${origin}.
@ 300 IN SOA ns hostmaster 1 3600 600 86400 60
@ 300 IN NS ns
ns 300 IN A 127.0.0.1
${records}
`

/** A zone with signatures, and the key that a resolver has to trust. */
export function signZone(origin: string, records: string): SignedZone {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-sign-'))
  try {
    const run = (file: string, ...args: readonly string[]) =>
      execFileSync(file, args, { cwd: directory, encoding: 'utf8' }).trim()
    const key = run('/usr/bin/ldns-keygen', '-a', 'ECDSAP256SHA256', '-k', origin)
    writeFileSync(join(directory, 'zone'), zoneFile(origin, records))
    run(signer, '-o', origin, '-f', 'signed', 'zone', key)
    return { text: run('/bin/cat', 'signed'), anchor: run('/bin/cat', `${key}.key`) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

export async function startNsd(zones: Zones, signed: Zones = {}): Promise<NameServer> {
  const port = await freePort()
  const texts = { ...mapped(zones, zoneFile), ...signed }
  return start(nsd, ['-d', '-c', 'nsd.conf'], 'nsd started', port, (directory) => ({
    ...Object.fromEntries(Object.entries(texts).map(([name, text]) => [`${name}.zone`, text])),
    'nsd.conf': `
server:
  ip-address: 127.0.0.1@${port}
  username: ""
  chroot: ""
  zonesdir: "${directory}"
  pidfile: "${directory}/nsd.pid"
  xfrdfile: "${directory}/xfrd.state"
  zonelistfile: "${directory}/zone.list"
  xfrdir: "${directory}"
  database: ""
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
${Object.keys(texts)
  .map((name) => `zone:\n  name: ${name}\n  zonefile: ${name}.zone`)
  .join('\n')}
`,
  }))
}

export type Stubs = Readonly<Record<string, DnsServer>>

/** A resolver that asks the given servers about their zones, and nobody about anything else. */
export async function startUnbound(
  stubs: Stubs,
  anchors: readonly string[] = [],
  ip = '127.0.0.1',
): Promise<NameServer> {
  const port = await freePort(ip)
  return start(
    unbound,
    ['-d', '-c', 'unbound.conf'],
    'start of service',
    port,
    (directory) => ({
      anchors: anchors.join('\n'),
      'unbound.conf': `
server:
  interface: ${ip}
  port: ${port}
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: ""
  use-syslog: no
  verbosity: 1
  do-not-query-localhost: no
  do-ip6: yes
  access-control: 127.0.0.0/8 allow
  access-control: ::1 allow
  local-zone: "test." nodefault
  local-zone: "." refuse
  ${Object.keys(stubs)
    .map((name) => `local-zone: "${name}." transparent`)
    .join('\n  ')}
  trust-anchor-file: "${directory}/anchors"
  num-threads: 1
remote-control:
  control-enable: no
${Object.entries(stubs)
  .map(
    ([name, { ip: stub, port: at }]) => `stub-zone:\n  name: "${name}"\n  stub-addr: ${stub}@${at}`,
  )
  .join('\n')}
`,
    }),
    ip,
  )
}

async function start(
  file: string,
  args: readonly string[],
  ready: string,
  port: number,
  files: (directory: string) => Readonly<Record<string, string>>,
  ip = '127.0.0.1',
): Promise<NameServer> {
  const directory = mkdtempSync(join(tmpdir(), 'gatehouse-dns-'))
  for (const [name, text] of Object.entries(files(directory))) {
    writeFileSync(join(directory, name), text)
  }
  const child = spawn(file, args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] })
  await said(child, file, ready)
  return {
    server: { ip, port },
    close: async () => {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Waits for the line that says that the server listens. */
function said(child: ChildProcess, file: string, ready: string): Promise<undefined> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes(ready)) resolve(undefined)
    })
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`${file} ended: ${text}`)))
  })
}

/** A port that is free for UDP and TCP at this moment. */
export async function freePort(ip = '127.0.0.1'): Promise<number> {
  for (;;) {
    const udp = createSocket(ip.includes(':') ? 'udp6' : 'udp4')
    udp.bind(0, ip)
    await once(udp, 'listening')
    const { port } = udp.address()
    const tcp = createServer().listen(port, ip)
    const isFree = await once(tcp, 'listening').then(
      () => true,
      () => false,
    )
    udp.close()
    tcp.close()
    if (isFree) return port
  }
}

const mapped = (zones: Zones, text: (name: string, records: string) => string): Zones =>
  Object.fromEntries(Object.entries(zones).map(([name, records]) => [name, text(name, records)]))
