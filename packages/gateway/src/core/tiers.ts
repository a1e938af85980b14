/** How grave what a scope opens is, from harmless to far-reaching; lifetimes and rules for senders go by it. */
export const TIERS = ['low', 'standard', 'sensitive', 'privileged'] as const
export type Tier = (typeof TIERS)[number]
