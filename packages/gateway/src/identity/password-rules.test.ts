import { describe, expect, test } from 'vitest'
import { checkNewPassword } from './password-rules.ts'

describe('password rules', () => {
  test.each([
    ['eleven char', 'tooShort'],
    ['a'.repeat(257), 'tooLong'],
    ['aaaaaaaaaaaaaaaa', 'tooCommon'],
    ['abcabcabcabc', 'tooCommon'],
    ['123456789012', 'tooCommon'],
    ['987654321098', 'tooCommon'],
    ['abcdefghijklmn', 'tooCommon'],
    ['Password1234!', 'tooCommon'],
    ['P@ssw0rd12345', 'tooCommon'],
    ['passwordpassword', 'tooCommon'],
    ['qwertyuiop123', 'tooCommon'],
    ['admin-password-1', 'tooCommon'],
    ['maria-secret', 'holdsUsername'],
    ['violet anchor teapot', null],
    ['Tr7#kfLq9!zPw', null],
    ['пароль из четырёх слов', null],
    ['🔑🦀🌋🎻🧵🥝🛶🪁🎲🧭🪵🦉', null],
  ])('%s: %s', (password, problem) => {
    expect(checkNewPassword(password, 'maria')).toBe(problem)
  })

  test('a long pass phrase may hold the username', () => {
    expect(checkNewPassword('maria walks her violet dog', 'maria')).toBeNull()
  })
})
