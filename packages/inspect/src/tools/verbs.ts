import { TOOL_CLASSES, type ToolClass } from './tool-class.ts'

/** Verbs that say what a tool does when they lead its name. */
const VERBS: Readonly<Record<ToolClass, readonly string[]>> = {
  read: words(`
    get list search read find describe show view fetch query lookup inspect count check validate verify explain
    summarize summarise compare diff preview browse resolve retrieve recall poll watch ping echo whoami help`),
  write: words(`
    create add update set edit write insert append put patch save upload copy clone fork move rename import label tag
    assign unassign link unlink enable disable toggle start stop pause resume open close reopen archive restore mark
    pin star subscribe unsubscribe schedule register store record log upsert modify change commit generate make init
    draft apply fill type select click drag hover press submit download`),
  send: words(`
    send post publish share reply forward email mail notify message comment tweet broadcast announce invite call dial
    sms submit dispatch emit export webhook navigate`),
  destructive: words(`
    delete drop purge remove destroy erase wipe truncate clear reset revert rollback terminate kill merge push
    overwrite replace cancel uninstall flush prune unpublish discard shutdown reboot restart expire detach`),
  execute: words('exec execute run eval evaluate shell bash spawn script invoke compile deploy install command sql'),
  financial: words(`
    pay transfer refund charge withdraw deposit buy sell purchase checkout invoice bill payout capture trade
    order book reserve donate`),
  admin: words(`
    grant revoke promote demote impersonate authorize authorise deauthorize ban unban suspend rotate sudo elevate
    provision deprovision`),
}

/**
 * Verbs so plain that they count anywhere in a name, also behind a reading verb and inside a longer word.
 * Their participles (`deleted`, `executed`) describe things and do not count.
 */
const PLAIN_VERBS: ReadonlyMap<string, ToolClass> = new Map<string, ToolClass>([
  ['delete', 'destructive'],
  ['remove', 'destructive'],
  ['destroy', 'destructive'],
  ['purge', 'destructive'],
  ['erase', 'destructive'],
  ['truncate', 'destructive'],
  ['overwrite', 'destructive'],
  ['execute', 'execute'],
  ['evaluate', 'execute'],
  ['refund', 'financial'],
  ['withdraw', 'financial'],
  ['impersonate', 'admin'],
])

/** Short plain verbs, that count anywhere in a name but only as whole words. */
const SHORT_PLAIN_VERBS: ReadonlyMap<string, ToolClass> = new Map<string, ToolClass>([
  ['drop', 'destructive'],
  ['wipe', 'destructive'],
  ['kill', 'destructive'],
  ['exec', 'execute'],
  ['eval', 'execute'],
  ['shell', 'execute'],
  ['bash', 'execute'],
  ['pay', 'financial'],
  ['grant', 'admin'],
  ['revoke', 'admin'],
])

/** Things that make an act on them more than its verb says: `create_user` is more than a write. */
const OBJECTS_OF_ACTS: ReadonlyMap<string, ToolClass> = indexWords({
  send: words('message messages email emails sms notification notifications comment comments tweet post reply webhook'),
  financial: words(`
    payment payments refund refunds payout payouts invoice invoices charge charges transfer transfers order orders
    subscription purchase checkout wallet money funds trade`),
  admin: words(`
    user users role roles permission permissions policy policies acl member members membership memberships collaborator
    collaborators account accounts credential credentials secret secrets token tokens password passwords tenant admin
    admins identity identities mfa apikey apikeys accesskey accesskeys sshkey deploykey signingkey`),
})
/** Things that even a look at hands out. */
const SECRET_OBJECTS: ReadonlySet<string> = new Set(
  words(
    'secret secrets credential credentials password passwords env environ environment dotenv keychain apikey apikeys',
  ),
)

const VERB_CLASS: ReadonlyMap<string, ToolClass> = indexWords(VERBS)

/** Null for a word that is no verb we know. */
export function classOfVerb(word: string): ToolClass | null {
  return VERB_CLASS.get(word) ?? null
}

/** The class of a plain verb that is this word or part of it, else null. */
export function classOfPlainVerb(word: string): ToolClass | null {
  const short = SHORT_PLAIN_VERBS.get(word)
  if (short !== undefined) return short
  for (const [verb, toolClass] of PLAIN_VERBS) {
    if (word.includes(verb) && word !== `${verb}d` && word !== `${verb}ed`) return toolClass
  }
  return null
}

/** What acting on this thing amounts to, or null when the verb alone decides. */
export function classOfObject(word: string): ToolClass | null {
  return OBJECTS_OF_ACTS.get(word) ?? null
}

/** Whether reading this thing hands out secrets. */
export function isSecretObject(word: string): boolean {
  return SECRET_OBJECTS.has(word)
}

/** Built from the weakest class up, so that a verb listed twice keeps the one that reaches further. */
function indexWords(table: Readonly<Partial<Record<ToolClass, readonly string[]>>>): ReadonlyMap<string, ToolClass> {
  const index = new Map<string, ToolClass>()
  for (const toolClass of TOOL_CLASSES) {
    for (const word of table[toolClass] ?? []) index.set(word, toolClass)
  }
  return index
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/)
}
