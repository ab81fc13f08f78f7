/**
 * The configuration file as commands find and read it.
 *
 * In:    the name that was given; else `$GATEHOUSE_CONFIG`, `./gatehouse.yaml`, `/etc/gatehouse/gatehouse.yaml`.
 * Out:   settings, and the files that they name.
 * Fails: `config-invalid` with every mistake on a line of its own; `file-unreadable`.
 */
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { systemAuthorities } from '../certificate/system.ts'
import { type CheckedFiles, checkFiles, type Files } from '../config/files.ts'
import { type Loaded, parseConfig } from '../config/load.ts'
import { formatMistakes, type Mistake } from '../config/mistakes.ts'
import type { Config } from '../config/schema.ts'
import { GatewayError } from '../errors.ts'
import { whyUnreadable } from '../lib/why-unreadable.ts'
import { readBounded } from './bounded-file.ts'
import type { Host } from './host.ts'

export const configOption = [
  '-c, --config <file>',
  'configuration file (else $GATEHOUSE_CONFIG, ./gatehouse.yaml, /etc/gatehouse/gatehouse.yaml)',
] as const

const usualPlaces = ['gatehouse.yaml', '/etc/gatehouse/gatehouse.yaml']

type ReadFile = (file: string) => Promise<Buffer>
type Read = Loaded & { readonly files: Files; readonly warnings: readonly Mistake[] }

export type ConfigText = { readonly file: string; readonly text: string }

/** `undefined` if no file was named and none is at the usual places. */
export async function findConfigText(
  { env, folder }: Pick<Host, 'env' | 'folder'>,
  named: string | undefined,
): Promise<ConfigText | undefined> {
  const chosen = named ?? env['GATEHOUSE_CONFIG']
  if (chosen !== undefined) return readText(resolve(folder, chosen))
  for (const place of usualPlaces) {
    const file = resolve(folder, place)
    if (await isThere(file)) return readText(file)
  }
  return undefined
}

export async function readConfigText(
  host: Pick<Host, 'env' | 'folder'>,
  named: string | undefined,
): Promise<ConfigText> {
  const found = await findConfigText(host, named)
  if (found !== undefined) return found
  const places = usualPlaces.map((place) => resolve(host.folder, place)).join(' or ')
  throw new GatewayError(
    'config-invalid',
    `expected a configuration at ${places}, found none: "gatehouse init <domain>" writes one, --config names another`,
  )
}

/** The settings, if the file is right. */
export function parsedConfig({ file, text }: ConfigText): Loaded {
  const loaded = parseConfig(text, file)
  if ('mistakes' in loaded) throw invalid(file, loaded.mistakes)
  return loaded
}

export const checkedFiles = (
  loaded: Loaded,
  { clock }: Pick<Host, 'clock'>,
  readFile: ReadFile = readBounded,
): Promise<CheckedFiles> => checkFiles(loaded, { readFile, stat, wall: clock.wall })

/** Settings and files, both right. */
export async function readConfig(
  host: Pick<Host, 'env' | 'folder' | 'clock'>,
  named: string | undefined,
): Promise<Read> {
  return readWhole(await readConfigText(host, named), host)
}

/** The same file once more. */
export const readConfigAgain = async (
  host: Pick<Host, 'clock'>,
  file: string,
  readFile: ReadFile,
): Promise<Read> => readWhole(await readText(file, readFile), host, readFile)

async function readWhole(
  text: ConfigText,
  host: Pick<Host, 'clock'>,
  readFile: ReadFile = readBounded,
): Promise<Read> {
  const loaded = parsedConfig(text)
  const { files, mistakes, warnings } = await checkedFiles(loaded, host, readFile)
  if (files === undefined) throw invalid(loaded.file, mistakes)
  return { ...loaded, files, warnings }
}

/** PEM texts of the authorities that the configuration adds, for a command that dials. */
export async function trustedBy(config: Config | undefined): Promise<readonly string[]> {
  const { trustedCertificates = [], systemCertificates = false } = config?.resolve ?? {}
  const read = await Promise.all(trustedCertificates.map((file) => readText(file)))
  const system = systemCertificates ? await systemAuthorities(readBounded) : undefined
  return [...read.map(({ text }) => text), ...(system === undefined ? [] : [system])]
}

export const countOf = (count: number, noun: string): string =>
  count === 1 ? `1 ${noun}` : `${count} ${noun}s`

const invalid = (file: string, mistakes: readonly Mistake[]): GatewayError =>
  new GatewayError(
    'config-invalid',
    `${file} has ${countOf(mistakes.length, 'mistake')}:\n${formatMistakes(mistakes)}`,
  )

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  )

export async function readText(
  file: string,
  readFile: ReadFile = readBounded,
): Promise<ConfigText> {
  try {
    return { file, text: (await readFile(file)).toString() }
  } catch (cause) {
    throw new GatewayError('file-unreadable', whyUnreadable(file, cause), { cause })
  }
}
