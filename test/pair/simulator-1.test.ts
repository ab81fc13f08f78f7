import { testSeeds } from '../support/simulator/seeds.ts'

testSeeds(0, 4)
