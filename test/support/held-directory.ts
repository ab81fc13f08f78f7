/** A directory that says what another one says: at once, or while it is held only when it is told to. */
import type { Address } from '../../src/address/address.ts'
import type { Directory, Entry } from '../../src/operation/directory.ts'

type Asked = { readonly user: string; readonly say: (answer: Promise<undefined>) => unknown }

export class HeldDirectory implements Directory {
  isHeld = false
  #asked: readonly Asked[] = []
  readonly #inner: Directory

  constructor(inner: Directory) {
    this.#inner = inner
  }

  /** Users whose entries are asked for and not told yet. */
  get held(): readonly string[] {
    return this.#asked.map(({ user }) => user)
  }

  async find(user: Address): Promise<Entry | undefined> {
    if (this.isHeld) {
      await new Promise<undefined>((say) => {
        this.#asked = [...this.#asked, { user: user.text, say }]
      })
    }
    return this.#inner.find(user)
  }

  /** What was asked about `user`, or about anybody, is answered. */
  tell(user?: string): undefined {
    this.#end(user, () => Promise.resolve(undefined))
  }

  /** It cannot be answered. */
  fail(user?: string): undefined {
    this.#end(user, () => Promise.reject(new Error('out of order')))
  }

  #end(user: string | undefined, answer: () => Promise<undefined>): undefined {
    const ended = this.#asked.filter((one) => user === undefined || one.user === user)
    this.#asked = this.#asked.filter((one) => !ended.includes(one))
    for (const { say } of ended) say(answer())
  }
}
