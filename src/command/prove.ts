/** PROVE: a link assertion; of a client also its key, or the credential that names it. [LINK-6.1-1] */
import { encodeFields, type FieldValue } from '../wire/fields.ts'
import { fields } from '../wire/registry.ts'
import type { Read, Request } from './request.ts'

export type Prove = {
  readonly token: Buffer
  readonly userCredential: Buffer | undefined
  readonly publicKey: Buffer | undefined
}

const { token, userCredential, publicKey } = fields

export function readProve({ fields: table }: Request): Read<Prove> {
  const assertion = table.bytes(token.tag)
  const key = table.bytes(publicKey.tag)
  if (assertion === undefined || (key !== undefined && key.length !== 32)) return 'bad-request'
  return { token: assertion, userCredential: table.bytes(userCredential.tag), publicKey: key }
}

export const encodeProve = (assertion: string): Buffer => encodeFields([[token.tag, assertion]])

/** PROVE of a client. Without a credential its key has to be listed in the directory of its domain. */
export function encodeClientProve(
  assertion: string,
  key: Buffer,
  credential: string | undefined,
): Buffer {
  const values: (readonly [number, FieldValue])[] = [
    [token.tag, assertion],
    [publicKey.tag, key],
  ]
  if (credential !== undefined) values.push([userCredential.tag, credential])
  return encodeFields(values)
}
