import { CLAUDE_CODE, CLAUDE_DESKTOP } from './anthropic.ts'
import type { Client } from './client.ts'
import { BOLTAI, FIVE_IRE, LIBRECHAT, LM_STUDIO, WITSY } from './desktops.ts'
import { ANTIGRAVITY, CURSOR, JUNIE, KIRO, TRAE, VSCODE, VSCODE_INSIDERS, WINDSURF, ZED } from './editors.ts'
import { AUGMENT, CLINE, CONTINUE, ROO } from './extensions.ts'
import { AMAZON_Q, CODEX, COPILOT_CLI, CRUSH, FACTORY, GEMINI_CLI, GOOSE, OPENCODE, WARP } from './terminals.ts'

/** All clients whose configuration we know, in the order of reports. */
export const KNOWN_CLIENTS: readonly Client[] = [
  CLAUDE_CODE,
  CLAUDE_DESKTOP,
  CURSOR,
  VSCODE,
  VSCODE_INSIDERS,
  WINDSURF,
  ZED,
  CLINE,
  ROO,
  CONTINUE,
  CODEX,
  GEMINI_CLI,
  JUNIE,
  KIRO,
  AMAZON_Q,
  GOOSE,
  LIBRECHAT,
  LM_STUDIO,
  WARP,
  COPILOT_CLI,
  OPENCODE,
  AUGMENT,
  WITSY,
  FIVE_IRE,
  ANTIGRAVITY,
  TRAE,
  CRUSH,
  FACTORY,
  BOLTAI,
]
