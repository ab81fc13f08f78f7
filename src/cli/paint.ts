/** Colours where somebody sees them: on a terminal, and never against `NO_COLOR` (https://no-color.org). */
import { styleText } from 'node:util'
import type { Host } from './host.ts'

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'
export type Paint = (colour: Colour, text: string) => string

export const isColoured = (
  { env, terminal }: Pick<Host, 'env' | 'terminal'>,
  stream: 'out' | 'err',
): boolean => {
  const { NO_COLOR: no, FORCE_COLOR: force, TERM: term } = env as Record<string, string | undefined>
  if (no !== undefined && no !== '') return false
  if (force !== undefined) return force !== '0' && force !== 'false'
  return terminal[stream] && term !== 'dumb'
}

export const painter = (host: Pick<Host, 'env' | 'terminal'>, stream: 'out' | 'err'): Paint =>
  isColoured(host, stream)
    ? (colour, text) => styleText(colour, text, { validateStream: false })
    : (_colour, text) => text
