import { testSeeds } from '../support/simulator/seeds.ts'

testSeeds(2, 4)
