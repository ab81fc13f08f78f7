/** UNSUBSCRIBE: ends a subscription. Ending one that is not there succeeds. [LINK-6.12-1] */
import { encodeSubscribe, readSubscribe } from './subscribe.ts'

export const readUnsubscribe = readSubscribe

export const encodeUnsubscribe = (presentity: string, id: string): Buffer =>
  encodeSubscribe(presentity, id, undefined)
