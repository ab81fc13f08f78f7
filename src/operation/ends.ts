/** Told how each message ended that the policy let pass: once for each, on the hot road. */
import type { Status } from '../errors.ts'
import type { Call } from './call.ts'
import type { Message } from './message.ts'

export interface Ends {
  inbound(call: Call<Message>, status: Status): undefined
  outbound(call: Call<Message>, status: Status): undefined
}
