/** How the demo tells what happens: numbered headings, and what was seen under each. */
import type { Host } from '../cli/host.ts'
import { type Paint, painter } from '../cli/paint.ts'
import { columns } from '../cli/table.ts'

export type Transcript = {
  readonly paint: Paint
  readonly heading: (text: string) => undefined
  readonly line: (text: string) => undefined
  readonly table: (rows: readonly (readonly string[])[]) => undefined
}

/** With `--json` the transcript goes to standard error: standard output belongs to the JSON line. */
export function transcript(host: Host, stream: 'out' | 'err'): Transcript {
  const paint = painter(host, stream)
  const write = stream === 'out' ? host.out : host.err
  let number = 0
  const indented = (text: string): string => text.replace(/^(?=.)/gm, '   ')
  return {
    paint,
    heading: (text) => write(`\n${paint('bold', `${++number}  ${text}`)}\n`),
    line: (text) => write(`${indented(text)}\n`),
    table: (rows) => write(indented(columns(rows))),
  }
}
