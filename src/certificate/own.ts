/**
 * Certificate: our own one, judged as peers will judge it, before any of them sees it.
 *
 * In:    its chain and its key; who is trusted, the time, whom it has to name.
 * Out:   as of `judge.ts`, and what OpenSSL has against it beyond that.
 * Fails: never.
 */
import { createPrivateKey } from 'node:crypto'
import { type Chain, isSame, pemOf } from './chain.ts'
import { isFatal, type Judgement, judgeChain, type Wish } from './judge.ts'
import { type Refusal, rehearse } from './rehearsal.ts'

/** `keyPem`: a key that can be read; `undefined`: there is none, and it is not looked at. */
export async function judgeOwn(
  chain: Chain,
  keyPem: string | undefined,
  wish: Omit<Wish, 'key'>,
): Promise<Judgement> {
  const key = keyPem === undefined ? undefined : createPrivateKey(keyPem)
  const judged = judgeChain(chain, { ...wish, key })
  if (keyPem === undefined || judged.faults.some(isFatal)) return judged
  const { steps } = judged.way
  const known = steps.filter(
    ({ x509 }, i) => i === steps.length - 1 || !chain.some((one) => isSame(one, x509)),
  )
  const refusal = await rehearse({
    chain: pemOf(chain),
    key: keyPem,
    ca: pemOf(known.map(({ x509 }) => x509)),
    serverName: wish.holder?.domain ?? 'localhost',
  })
  if (refusal === undefined || isTold(refusal, judged)) return judged
  const fault = { kind: 'use' as const, says: `TLS refuses it: ${refusal.says}` }
  return { ...judged, faults: [fault, ...judged.faults] }
}

const timeCodes: readonly string[] = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']

/** OpenSSL has its own clock, and nothing to rest on where the way up has no end. */
const isTold = ({ code }: Refusal, { way }: Judgement): boolean =>
  timeCodes.includes(code) || (way.end === 'missing' && code.startsWith('UNABLE_TO_'))
