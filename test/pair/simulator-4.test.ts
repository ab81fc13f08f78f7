import { testSeeds } from '../support/simulator/seeds.ts'

testSeeds(3, 4)
