/** A key that lies outside the store and without which the store is of no use. */
export type KeyPurpose = 'sealing' | 'checkpoint'

/** Which keys the store was filled with, so that a gateway that holds others is told before it does harm. Ids only, never keys. */
export interface KeyClaimsPort {
  /** The id in force: the one given, if none was claimed for this purpose before. */
  claim(purpose: KeyPurpose, keyId: string, now: number): Promise<string>
  find(purpose: KeyPurpose): Promise<string | null>
}
