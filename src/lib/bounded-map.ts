/**
 * A bounded map: at its bound it forgets what was used longest ago (LRU). The one door to `lru-cache`.
 *
 * In:    names and values; looking is using, unless by `peek`.
 * Out:   `forgotten` for each value that had to go.
 *
 * No times: the clock of the package is not ours. Who keeps something for a while keeps the time beside it.
 */
import { LRUCache } from 'lru-cache'

export type Bounds<V> = {
  readonly most: number
  /** Bounds the values together, where one may weigh more than another; at least 1 each. */
  readonly weight?: { readonly most: number; readonly of: (value: V) => number }
  readonly forgotten?: (value: V) => undefined
}

export type BoundedMap<V extends NonNullable<unknown>> = Pick<
  LRUCache<string, V>,
  'get' | 'peek' | 'set' | 'delete' | 'keys' | 'size'
>

export const boundedMap = <V extends NonNullable<unknown>>({
  most,
  weight,
  forgotten,
}: Bounds<V>): BoundedMap<V> =>
  new LRUCache<string, V>({
    // A bound by weight alone: with `max` the package takes the memory of a full map at once.
    ...(weight === undefined
      ? { maxSize: most, sizeCalculation: () => 1 }
      : { max: most, maxSize: weight.most, sizeCalculation: weight.of }),
    dispose: (value, _name, why) => {
      if (why === 'evict') forgotten?.(value)
    },
  })
