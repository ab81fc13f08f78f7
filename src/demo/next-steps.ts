/** What to try while the demo stays up. */
import type { Host } from '../cli/host.ts'
import type { Stage } from './stage.ts'
import type { Transcript } from './transcript.ts'

export function showNextSteps(host: Host, told: Transcript, { world }: Stage): undefined {
  const { a, b, caFile } = world
  told.heading('Everything keeps running. In a second terminal, try:')
  const as = (user: string, { configFile }: typeof a): string =>
    `--user ${user} --config ${configFile}`
  const commands = [
    `send bob@${b.domain} "Hello from outside" ${as('carol', a)}`,
    `publish open --note "back again" ${as('bob', b)}`,
    `fetch alice@${a.domain} ${as('bob', b)}`,
    `explain bob@${b.domain} --config ${a.configFile}`,
    // Last: it does not return.
    `watch bob@${b.domain} --messages ${as('carol', a)}`,
  ]
  for (const command of commands) told.line(told.paint('cyan', `${host.typed} ${command}`))
  told.line('')
  told.table([
    ['status page', `http://${a.address}:${a.adminPort}/`, `http://${b.address}:${b.adminPort}/`],
    [
      'metrics',
      `http://${a.address}:${a.adminPort}/metrics`,
      `http://${b.address}:${b.adminPort}/metrics`,
    ],
    ['configurations', a.configFile, b.configFile],
    ['authority', caFile],
  ])
  told.line('\nCtrl-C ends the demo. What its users hear is shown here:')
}
