/** Config: what is said of every setting: one sentence, and whether a running gateway takes a new value. */
export type Reload = 'live' | 'restart'

export const live = (description: string) => ({ description, reload: 'live' as const })
export const restart = (description: string) => ({ description, reload: 'restart' as const })
