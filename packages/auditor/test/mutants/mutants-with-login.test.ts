import { judgeMutants } from './support/judge-mutants.ts'

judgeMutants([6, 8, 9, 10, 11, 12])
