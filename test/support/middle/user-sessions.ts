/** Sessions of our users that end a message when a test wants, and write down what they are shown. */
import type { Address } from '../../../src/address/address.ts'
import type { Status } from '../../../src/errors.ts'
import { type Asker, type Caller, outcomeOf } from '../../../src/operation/call.ts'
import type { Message } from '../../../src/operation/message.ts'
import type { UserSession } from '../../../src/operation/ports.ts'
import type { Notice } from '../../../src/operation/presence.ts'
import { callerOf } from './calls.ts'

export class TestSession implements UserSession {
  readonly caller: Caller & { readonly user: Address }
  readonly given: { readonly message: Message; readonly asker: Asker<Message> }[] = []
  readonly shown: string[] = []

  constructor(user: Address) {
    this.caller = { ...callerOf(user), user }
  }

  deliver(message: Message, asker: Asker<Message>): undefined {
    this.given.push({ message, asker })
  }

  notify(subscription: string, presentity: Address, { state }: Notice): undefined {
    this.shown.push(`${subscription} ${presentity.text} ${state}`)
  }

  /** How the first of its messages ends here. */
  end(status: Status): undefined {
    const first = this.given.shift()
    if (first === undefined) throw new Error('no message')
    return first.asker.ended(first.message, outcomeOf(status))
  }
}
