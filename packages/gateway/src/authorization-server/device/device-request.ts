/** Who asked for a device code, from where: what a person compares with the device in front of them. */
export interface DeviceRequest {
  /** As the person reads it: `WDJB-MJHT`. */
  readonly userCode: string
  /** Where the device asked from, as far as we know. */
  readonly address: string
  /** Seconds since the epoch. */
  readonly requestedAt: number
}
