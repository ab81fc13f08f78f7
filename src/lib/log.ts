/** What a stage needs of a log. `event` is a stable name (`link.closed`); `facts` holds no secret and no body. */
export type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>

export type Log = {
  readonly debug: (event: string, facts?: Facts) => undefined
  readonly info: (event: string, facts?: Facts) => undefined
  readonly warn: (event: string, facts?: Facts) => undefined
  readonly error: (event: string, facts?: Facts) => undefined
}

const nothing = (): undefined => undefined

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing }
