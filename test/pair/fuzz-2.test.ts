import { testFrames } from '../support/fuzz/test-frames.ts'

testFrames(1, 2)
