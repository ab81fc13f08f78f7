import { expect, test } from 'vitest'
import { Meter } from '../../../src/lib/meter.ts'

test('a limit that is hit counts under its name', () => {
  const meter = new Meter()
  meter.hit('links')
  meter.hit('links')
  meter.hit('keySets')
  expect(meter.total('limit_hits_total', { limit: 'links' })).toBe(2)
  expect(meter.total('limit_hits_total', { limit: 'keySets' })).toBe(1)
  expect(meter.total('limit_hits_total')).toBe(3)
})
