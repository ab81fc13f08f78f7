/** What the tests use of `dns-packet`: the second codec, that ours is compared with. */
declare module 'dns-packet' {
  export type WireRecord = {
    readonly name: string
    readonly type: string
    readonly ttl?: number
    readonly class?: string
    readonly data?: unknown
    readonly udpPayloadSize?: number
    readonly extendedRcode?: number
    readonly options?: readonly unknown[]
  }
  export type WireMessage = {
    readonly type?: 'query' | 'response'
    readonly id?: number
    readonly flags?: number
    readonly flag_ad?: boolean
    readonly rcode?: string
    readonly questions?: readonly {
      readonly name: string
      readonly type: string
      readonly class?: string
    }[]
    readonly answers?: readonly WireRecord[]
    readonly authorities?: readonly WireRecord[]
    readonly additionals?: readonly WireRecord[]
  }
  export const AUTHORITATIVE_ANSWER: number
  export const TRUNCATED_RESPONSE: number
  export const RECURSION_AVAILABLE: number
  export function encode(message: WireMessage): Buffer
  export function decode(bytes: Buffer): WireMessage
}
