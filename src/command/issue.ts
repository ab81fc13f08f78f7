/** ISSUE: an attached client asks for a credential of its own, bound to its key. [LINK-6.6-1] */
import { encodeFields } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import type { Read, Request } from './request.ts'

export type Issue = { readonly audience: string; readonly scope: readonly string[] }

const { audience, scope, token } = fields

export function readIssue({ fields: table }: Request): Read<Issue> {
  const domain = table.latin1(audience.tag)
  const words = table.isAscii(scope.tag) ? table.latin1(scope.tag) : undefined
  if (domain === undefined || words === undefined) return 'bad-request'
  return { audience: domain, scope: words.split(' ') }
}

export const encodeIssue = (domain: string, words: readonly string[]): Buffer =>
  encodeFields([
    [audience.tag, domain],
    [scope.tag, words.join(' ')],
  ])

export const encodeIssued = (credential: string): Buffer => encodeFields([[token.tag, credential]])
