/** The shortest file that is right, and how a test says what else stands in it. */
import { parseConfig } from '../../../src/config/load.ts'
import { formatMistakes } from '../../../src/config/mistakes.ts'
import type { Config } from '../../../src/config/schema.ts'

export const fileName = '/etc/gatehouse/gatehouse.yaml'

export const domainText = `domains:
  - name: a.example
    key: keys/a.pem
    certificate: certificates/a.pem
    certificateKey: keys/a-tls.pem
`

/** The file with the domain on lines 1 to 5 and `rest` from line 6 on. */
export const withDomain = (rest: string): string => domainText + rest

export function configOf(text: string): Config {
  const result = parseConfig(text, fileName)
  if ('mistakes' in result) throw new Error(formatMistakes(result.mistakes))
  return result.config
}

/** The lines that an operator sees, without the name of the file. */
export function mistakesIn(text: string): readonly string[] {
  const result = parseConfig(text, fileName)
  if (!('mistakes' in result)) return []
  return formatMistakes(result.mistakes)
    .split('\n')
    .map((line) => line.replace(`${fileName}:`, ''))
}
