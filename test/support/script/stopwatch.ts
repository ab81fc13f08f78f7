/** Work that takes time under a manual clock: the stopwatch twin of a gateway in memory. */
import type { World } from './world.ts'

/** From now on each frame that the gateway reads takes `ms` of its event loop. */
export function framesTake({ meter, clock }: World, ms: number): undefined {
  const frames = meter.counter('frames_total', { direction: 'in' })
  let { n } = frames
  Object.defineProperty(frames, 'n', {
    get: () => n,
    set: (count: number) => {
      n = count
      clock.stall(ms)
    },
  })
}
