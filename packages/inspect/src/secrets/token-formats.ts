import { ALPHANUMERIC, BASE64URL, type CharacterSet, characters } from './text-reader.ts'

/** A token that announces itself: a fixed prefix, then a run of its alphabet. */
export interface TokenFormat {
  readonly kind: string
  readonly prefix: string
  readonly alphabet: CharacterSet
  /** Fewest characters after the prefix. Longer runs are the secret as a whole: cutting one short would leak its end. */
  readonly lengthMin: number
  /** For short prefixes: what stands before must not be a letter, digit, `_` or `-`, and the run must hold a digit. */
  readonly isShortPrefix?: true
}

const UPPER_ALPHANUMERIC = characters('A-Z0-9')
const DOTTED = characters('a-zA-Z0-9_-.=')
const HEX = characters('0-9abcdef')

/** Formats as their issuers document them. The order matters only for the name a finding gets. */
export const TOKEN_FORMATS: readonly TokenFormat[] = [
  { kind: 'jwt', prefix: 'eyJ', alphabet: DOTTED, lengthMin: 17 },
  { kind: 'github-token', prefix: 'github_pat_', alphabet: BASE64URL, lengthMin: 22 },
  { kind: 'github-token', prefix: 'ghp_', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'github-token', prefix: 'gho_', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'github-token', prefix: 'ghu_', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'github-token', prefix: 'ghs_', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'github-token', prefix: 'ghr_', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'gitlab-token', prefix: 'glpat-', alphabet: DOTTED, lengthMin: 20 },
  { kind: 'gitlab-token', prefix: 'glrt-', alphabet: DOTTED, lengthMin: 20 },
  { kind: 'sallyport-key', prefix: 'spk_', alphabet: BASE64URL, lengthMin: 40, isShortPrefix: true },
  { kind: 'sallyport-key', prefix: 'spi_', alphabet: BASE64URL, lengthMin: 40, isShortPrefix: true },
  { kind: 'api-key', prefix: 'sk-', alphabet: BASE64URL, lengthMin: 20, isShortPrefix: true },
  { kind: 'api-key', prefix: 'xai-', alphabet: ALPHANUMERIC, lengthMin: 40, isShortPrefix: true },
  { kind: 'api-key', prefix: 'gsk_', alphabet: ALPHANUMERIC, lengthMin: 40, isShortPrefix: true },
  { kind: 'huggingface-token', prefix: 'hf_', alphabet: ALPHANUMERIC, lengthMin: 30, isShortPrefix: true },
  { kind: 'aws-key-id', prefix: 'AKIA', alphabet: UPPER_ALPHANUMERIC, lengthMin: 16, isShortPrefix: true },
  { kind: 'aws-key-id', prefix: 'ASIA', alphabet: UPPER_ALPHANUMERIC, lengthMin: 16, isShortPrefix: true },
  { kind: 'google-key', prefix: 'AIza', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'google-token', prefix: 'ya29.', alphabet: DOTTED, lengthMin: 20 },
  { kind: 'google-secret', prefix: 'GOCSPX-', alphabet: BASE64URL, lengthMin: 20 },
  { kind: 'slack-token', prefix: 'xoxb-', alphabet: BASE64URL, lengthMin: 10 },
  { kind: 'slack-token', prefix: 'xoxp-', alphabet: BASE64URL, lengthMin: 10 },
  { kind: 'slack-token', prefix: 'xoxa-', alphabet: BASE64URL, lengthMin: 10 },
  { kind: 'slack-token', prefix: 'xoxr-', alphabet: BASE64URL, lengthMin: 10 },
  { kind: 'slack-token', prefix: 'xoxs-', alphabet: BASE64URL, lengthMin: 10 },
  { kind: 'slack-token', prefix: 'xoxe.', alphabet: DOTTED, lengthMin: 10 },
  { kind: 'slack-token', prefix: 'xapp-', alphabet: BASE64URL, lengthMin: 10 },
  { kind: 'slack-webhook', prefix: 'hooks.slack.com/services/', alphabet: characters('a-zA-Z0-9/'), lengthMin: 20 },
  { kind: 'stripe-key', prefix: 'sk_live_', alphabet: ALPHANUMERIC, lengthMin: 16 },
  { kind: 'stripe-key', prefix: 'sk_test_', alphabet: ALPHANUMERIC, lengthMin: 16 },
  { kind: 'stripe-key', prefix: 'rk_live_', alphabet: ALPHANUMERIC, lengthMin: 16 },
  { kind: 'stripe-key', prefix: 'rk_test_', alphabet: ALPHANUMERIC, lengthMin: 16 },
  { kind: 'webhook-secret', prefix: 'whsec_', alphabet: characters('a-zA-Z0-9+/='), lengthMin: 16 },
  { kind: 'npm-token', prefix: 'npm_', alphabet: ALPHANUMERIC, lengthMin: 30, isShortPrefix: true },
  { kind: 'pypi-token', prefix: 'pypi-AgE', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'docker-token', prefix: 'dckr_pat_', alphabet: BASE64URL, lengthMin: 20 },
  { kind: 'sendgrid-key', prefix: 'SG.', alphabet: DOTTED, lengthMin: 30 },
  { kind: 'digitalocean-token', prefix: 'dop_v1_', alphabet: HEX, lengthMin: 30 },
  { kind: 'shopify-token', prefix: 'shpat_', alphabet: ALPHANUMERIC, lengthMin: 30 },
  { kind: 'linear-key', prefix: 'lin_api_', alphabet: ALPHANUMERIC, lengthMin: 30 },
  { kind: 'notion-token', prefix: 'ntn_', alphabet: ALPHANUMERIC, lengthMin: 30, isShortPrefix: true },
  { kind: 'atlassian-token', prefix: 'ATATT3', alphabet: DOTTED, lengthMin: 30 },
  { kind: 'grafana-token', prefix: 'glsa_', alphabet: BASE64URL, lengthMin: 30 },
  { kind: 'vault-token', prefix: 'hvs.', alphabet: DOTTED, lengthMin: 20 },
  { kind: 'databricks-token', prefix: 'dapi', alphabet: HEX, lengthMin: 32, isShortPrefix: true },
  { kind: 'age-key', prefix: 'AGE-SECRET-KEY-1', alphabet: UPPER_ALPHANUMERIC, lengthMin: 40 },
]
