import { testSeeds } from '../support/simulator/seeds.ts'

testSeeds(1, 4)
