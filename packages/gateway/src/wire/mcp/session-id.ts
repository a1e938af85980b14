/** Ours have 43 characters; the bound keeps a hostile header from becoming a map key of kilobytes. */
const SESSION_ID_CHARACTERS_MAX = 256

/** 2025-03-26 and later, transports §Session Management: visible ASCII only (0x21 to 0x7E). */
export function isSessionIdSyntax(text: string): boolean {
  return text.length <= SESSION_ID_CHARACTERS_MAX && /^[\x21-\x7e]+$/.test(text)
}
