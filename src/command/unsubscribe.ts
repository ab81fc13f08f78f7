/** UNSUBSCRIBE: ends a subscription; read as SUBSCRIBE is. Ending one that is not there succeeds. [LINK-6.12-1] */
import { encodeSubscribe } from './subscribe.ts'

export const encodeUnsubscribe = (presentity: string, id: string): Buffer =>
  encodeSubscribe(presentity, id, undefined)
