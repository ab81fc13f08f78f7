/**
 * "Try now": DNS is asked anew, and domains that could not be reached are dialled again, for one domain or for all.
 *
 * In:    the query of `POST /flush`: `domain=b.example`, or nothing.
 * Out:   200 with what was forgotten; 400 for what is no domain.
 * Fails: never.
 */
import { type Domain, readDomain } from '../address/domain.ts'
import type { RunningView } from './view.ts'

export type Flush = (query: URLSearchParams) => {
  readonly status: 200 | 400
  readonly value: unknown
}

export const createFlush =
  ({ flush }: Pick<RunningView, 'flush'>): Flush =>
  (query) => {
    const text = query.get('domain')
    const domain: Domain | undefined = text === null ? undefined : readDomain(text)
    if (text === null || domain !== undefined) return { status: 200, value: flush(domain) }
    const error = { code: 'bad-address', message: 'expected a domain such as b.example' }
    return { status: 400, value: { error } }
  }
