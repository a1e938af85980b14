/** RFC 8252 §7.3 and RFC 6761 §6.3: a loopback address as `URL.hostname` or a listener spells it, or the one name that means them. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}
