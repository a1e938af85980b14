import type { LoadedConfiguration } from '#control-plane/configuration/load.ts'
import { createListener, type Listener, type ListenerOptions } from '#http/listener.ts'

/** What is at both origins, if there are two. */
export type ListenersOptions = Omit<ListenerOptions, 'tls' | 'asksForCertificate' | 'clientAuthorities' | 'onlyOrigin'>

/**
 * The listener at P and, where clients are asked for certificates at an origin of its own, a second one there. Which there are is settled at
 * the start; certificates and authorities follow the configuration.
 */
export function createListeners(options: ListenersOptions, loaded: () => LoadedConfiguration): Listener {
  const { tls, certificateListener, snapshot } = loaded()
  const clientAuthorities = snapshot.mutualTls?.authorities ?? null
  const asksForCertificate = certificateListener === 'same' && tls !== null
  const main = createListener({ ...options, tls, asksForCertificate, clientAuthorities })
  if (typeof certificateListener === 'string' || tls === null) return main
  const second = createListener({
    ...options,
    router: options.certificateRouter ?? options.router,
    tls,
    asksForCertificate: true,
    clientAuthorities,
    // Once it is configured away, nothing is served here any more.
    onlyOrigin: ({ mutualTls }) => mutualTls?.publicUrl ?? 'https://nothing.invalid',
  })
  return {
    listen: async (host, port) => {
      await second.listen(certificateListener.host, certificateListener.port)
      return await main.listen(host, port)
    },
    replaceCertificate: (material, authorities) => {
      main.replaceCertificate(material, authorities)
      second.replaceCertificate(material, authorities)
    },
    close: async () => {
      await Promise.all([main.close(), second.close()])
    },
  }
}
