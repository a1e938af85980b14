import { createInterface } from 'node:readline'
import { type Asked, answerText, isSse, LOG_MESSAGE } from './answers.ts'

// The same server over standard input and output, for peers that only front such ones.
createInterface({ input: process.stdin }).on('line', (line) => {
  const asked = JSON.parse(line) as Asked // A line is a message, from a peer that the benchmark started.
  if (isSse(asked)) process.stdout.write(`${LOG_MESSAGE}\n`)
  const text = answerText(asked)
  if (text !== null) process.stdout.write(`${text}\n`)
})
