/** A client certificate that came with a request, by TLS or in the header of a proxy that is believed. Its private key was shown there. */
export interface PresentedCertificate {
  /** RFC 8705 §3.1: base64url of the SHA-256 of the DER encoding. */
  readonly x5t: string
  readonly pem: string
  /** Seconds since the epoch. */
  readonly validFrom: number
  readonly validTo: number
  /** Whether a configured authority vouches for it. A certificate that signs itself can still be what a token is bound to. */
  readonly isVouchedFor: boolean
}

/** A connection may outlive the certificate that it began with. */
export function certificateIsInForce({ validFrom, validTo }: PresentedCertificate, nowSeconds: number): boolean {
  return validFrom <= nowSeconds && nowSeconds <= validTo
}
