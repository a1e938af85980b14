import { judgeMutants } from './support/judge-mutants.ts'

judgeMutants([1, 2, 3, 4, 5, 7])
