import type { HtmlValue } from '#http/html.ts'

/** The language of the texts below (BCP 47). */
export const TEXTS_LANG = 'en'

/**
 * Every sentence that a person reads on a page, by message key. `{name}` is replaced by a value that the page gives. Another language is
 * another table with the same keys.
 */
export const TEXTS = {
  'brand.name': 'Sallyport',
  'form.problem': 'There is a problem',
  'form.username': 'Username',
  'form.password': 'Password',

  'home.title': 'The gateway is running',
  'home.lead':
    'There is nothing to do here. Apps connect to the servers behind this gateway and bring you here when you have to decide.',
  'home.connect': 'To connect an app, give it the address of a server:',
  'home.id': 'id',
  'home.foot': 'Which servers there are is known to the operator: `sallyport serve` prints their addresses.',

  'login.title': 'Sign in',
  'login.lead': '{client} asks to use {server}. Sign in first; on the next page you decide.',
  'login.switchLead': 'Sign in with the account that should decide about {client} and {server}.',
  'login.submit': 'Sign in',
  'login.with': 'Sign in with {provider}',
  'login.or': 'or with an account of this gateway',
  'login.foot': 'Your password is for this gateway alone. The app never sees it.',
  'login.wrong': 'The username or the password is wrong.',
  'login.missing': 'Enter your username and your password.',
  'login.throttled': 'Too many attempts. Try again in {wait}.',

  'providerTest.title': 'The test is done',
  'providerTest.lead': 'What came of it stands where the test was begun. You may close this page.',
  'providerTest.what': 'Nobody was signed in by it, and no account was opened or changed.',

  'where.lead': 'Your e-mail address says where you sign in. It is not passed on.',
  'where.address': 'E-mail address',
  'where.next': 'Continue',
  'where.missing': 'Enter your e-mail address.',
  'where.unknown':
    'Nobody with an address of this domain signs in here. Check it, or ask the operator of this gateway.',

  'factor.title': 'Second step',
  'factor.lead': 'Enter the code that your authenticator app shows for this gateway, or one of your recovery codes.',
  'factor.leadNoApp': 'Use your passkey, or enter one of your recovery codes.',
  'factor.code': 'Code',
  'factor.recoveryCode': 'Recovery code',
  'factor.missing': 'Enter the code.',
  'factor.wrongCode': 'This code is not right. Codes change every 30 seconds; check the clock of your device.',
  'factor.codeUsed': 'This code was used already. Wait for the next one.',
  'factor.foot': 'Lost your device? A recovery code works once. Without one, ask the operator of this gateway.',

  'enrol.title': 'Set up an authenticator app',
  'enrol.lead': 'Scan this with an authenticator app, then enter the code that it shows.',
  'enrol.leadNeeded':
    'Signing in here needs a second step, or what the app asks for does. Scan this with an authenticator app, then enter the code that it shows.',
  'enrol.qr': 'QR code for the authenticator app; the key below is the same in letters',
  'enrol.byHand': 'Or type this key into the app:',
  'enrol.submit': 'Confirm',

  'codes.title': 'Keep these recovery codes',
  'codes.titleNone': 'Done',
  'codes.lead':
    'Each of them replaces your device once, if you lose it. They are not shown again: print them, or put them where you keep passwords.',
  'codes.leadNone': 'It is set up. Your recovery codes are those you have.',
  'codes.next': 'I have kept them',
  'codes.nextNone': 'Continue',

  'passkey.use': 'Use a passkey',
  'passkey.titleGet': 'Sign in with a passkey',
  'passkey.titleCreate': 'Add a passkey',
  'passkey.leadGet': 'Your device asks for your finger, face or PIN.',
  'passkey.leadCreate': 'Your device keeps it, and asks for your finger, face or PIN when it is used.',
  'passkey.without':
    'Passkeys need a recent browser with JavaScript. Without it, sign in with your password and an authenticator app.',
  'passkey.get': 'Use a passkey',
  'passkey.create': 'Add a passkey',
  'passkey.cancelled': 'That did not work, or was stopped. Try again.',
  'passkey.passkeyRefused': 'This passkey does not count here, or took too long. Try again.',
  'passkey.passkeyTaken': 'This passkey is registered already.',
  'passkey.passkeysFull': 'You have as many passkeys as an account may have. Remove one first.',
  'passkey.name': 'Name',
  'passkey.nameHint': 'For you, to tell it from others: such as the device that keeps it.',
  'passkey.back': 'Go back without one',

  'account.loginTitle': 'Your account',
  'account.loginLead': 'Sign in to see and change how you sign in.',
  'account.noPasswords': 'People sign in at their identity provider here, which also keeps their second factors.',
  'account.title': 'How you sign in',
  'account.lead': 'You are {username}. For ten minutes you may change this here.',
  'account.lastFactor': 'Signing in here needs a second step. Set up another one before you remove the last.',
  'account.app': 'Authenticator app',
  'account.appOn': 'Set up: a code follows your password.',
  'account.appOff': 'Not set up: your password alone signs you in.',
  'account.appAdd': 'Set up an authenticator app',
  'account.appRemove': 'Remove the authenticator app',
  'account.passkeys': 'Passkeys',
  'account.passkeysNone': 'None yet. A passkey signs you in without password and code.',
  'account.passkeysNever':
    'This gateway is reached by an address instead of a name, for which browsers make no passkeys.',
  'account.passkeyMade': 'added {made}, never used',
  'account.passkeyUsed': 'added {made}, last used {used}',
  'account.passkeyAdd': 'Add a passkey',
  'account.passkeyRemove': 'Remove {name}',
  'account.codes': 'Recovery codes',
  'account.codesLeft': 'Left: {count}.',
  'account.codesRenew': 'Make ten new ones',
  'account.leaveTitle': 'Done?',
  'account.leave': 'Leave this page',

  'setup.title': 'Create the first account',
  'setup.lead':
    'This account may sign in, connect agents and administer the gateway. The link that brought you here works once.',
  'setup.usernameHint': 'Small letters, digits and . _ @ -',
  'setup.passwordHint': 'At least 12 characters. A few unrelated words work well.',
  'setup.repeat': 'Password, once more',
  'setup.submit': 'Create account',
  'setup.usernameInvalid': 'The username may have 1 to 64 small letters, digits and the signs . _ @ -',
  'setup.tooShort': 'The password needs at least 12 characters.',
  'setup.tooLong': 'The password may have at most 256 characters.',
  'setup.tooCommon': 'This password is among the first that attackers try. Choose another one.',
  'setup.holdsUsername': 'The password is too close to the username. Choose another one.',
  'setup.notRepeated': 'The two passwords differ. Enter the same one twice.',
  'setup.doneTitle': 'Your account is ready',
  'setup.doneLead':
    'You are {username}. Add a server to your agent with one of these addresses; it will bring you back here to sign in and decide.',
  'setup.doneServers': 'Server addresses',
  'setup.doneNone': 'No server is configured yet. Add one to sallyport.yaml.',
  'setup.doneClose': 'You can close this page.',

  'consent.title': 'Allow {client} to use {server}?',
  'consent.titleApiRead': 'Allow {client} to read this gateway’s records?',
  'consent.titleApiWrite': 'Allow {client} to administer this gateway?',
  'consent.titlePlain': 'Allow an app?',
  'consent.app': 'App',
  'consent.appNameless': 'An app without a name',
  'consent.appClaim': 'The app chose this name itself. Nobody has checked it.',
  'consent.appDocument': 'Published by {host}, which vouches for the name.',
  'consent.appPreregistered': 'Registered by the operator of this gateway.',
  'consent.redirect': 'Access goes to',
  'consent.redirectHere': 'An app on this computer, at {host}',
  'consent.redirectScheme': 'The app that opens {scheme} links',
  'consent.server': 'Server',
  'consent.api': 'Gateway',
  'consent.account': 'Signed in as',
  'consent.switch': 'Not you? Use another account',
  'consent.warnLocalhost':
    'Any app on this computer can claim to be {client}. Continue only if you have just started this connection yourself.',
  'consent.warnLookalike':
    'The name resembles {names}, but this is a different app. Check that it is the one you mean.',
  'consent.warnNew': 'This app registered itself with the gateway {age} ago.',
  'consent.warnApiRead':
    'This is about the gateway itself, not about a server behind it. {client} could read who uses the gateway, with which apps, and its log, as far as your account may.',
  'consent.warnApiWrite':
    'This is about the gateway itself, not about a server behind it. {client} could administer it in your name: change accounts, apps and permissions, as far as your account may.',
  'consent.warnTitle': 'Look twice',
  'consent.asked': 'It asks for',
  'consent.askedNothing': 'It asks for nothing that your account may give.',
  'consent.more': 'You may also allow ({count})',
  'consent.moreLegend': 'Not asked for',
  'consent.beyondRole': 'Also asked for, but beyond what your account may give: {scopes}.',
  'consent.unknown': 'Also asked for, but unknown here and left out: {scopes}.',
  'consent.andMore': 'and {count} more',
  'consent.highRisk': 'far-reaching',
  'consent.allow': 'Allow',
  'consent.deny': 'Deny',
  'consent.foot': 'This permission ends by itself after {duration}. The operator can end it earlier at any time.',
  'consent.footApi':
    'Permission to administer ends by itself after {short}, permission to read alone after {duration}. The operator can end it earlier at any time.',
  'consent.chooseOne': 'Tick at least one permission to allow, or choose Deny.',
  'consent.chooseButton': 'Choose Allow or Deny.',
  'consent.changed':
    'What your account may give has changed since this page was shown. Look at the list again and decide.',

  'scope.read': 'Read',
  'scope.read.what': 'Look at and search what is there',
  'scope.write': 'Create and change',
  'scope.write.what': 'Add new data and change what is there. Includes reading.',
  'scope.send': 'Send',
  'scope.send.what': 'Send messages or data to other people and services',
  'scope.destructive': 'Delete',
  'scope.destructive.what': 'Delete or overwrite data for good. Includes reading and changing.',
  'scope.execute': 'Run code',
  'scope.execute.what': 'Run programs, commands or scripts',
  'scope.financial': 'Move money',
  'scope.financial.what': 'Pay, order, transfer or bill',
  'scope.admin': 'Administer',
  'scope.admin.what': 'Change settings, users and permissions. Includes reading, changing and deleting.',
  'scope.tool': 'Use {tool}',
  'scope.tool.what': 'This one tool, and no other',
  'scope.api.read': 'Read the gateway’s records',
  'scope.api.read.what': 'See accounts, apps, permissions and the log, as far as your account may',
  'scope.api.write': 'Administer the gateway',
  'scope.api.write.what': 'Change accounts, apps and permissions, as far as your account may. Includes reading.',

  'device.title': 'Connect a device',
  'device.lead': 'Enter the code that your device or terminal shows.',
  'device.code': 'Code',
  'device.codeHint': 'Eight letters, such as WDJB-MJHT',
  'device.submit': 'Continue',
  'device.foot': 'Somebody sent you a code? Close this page: it would give them access in your name.',
  'device.missing': 'Enter the code.',
  'device.unknown': 'This code is not known, or was used. Check it, or start again on the device.',
  'device.expired': 'This code has expired. Start again on the device.',
  'device.again': 'This page was open for too long. Enter the code again.',
  'device.againDo': 'Open the address that the device shows once more, in this browser, and enter the code there.',
  'device.confirmTitle': 'Is this your device?',
  'device.confirmLead': 'Continue only if the device in front of you shows this very code.',
  'device.codeShown': 'Code on the device',
  'device.where': 'Asked from',
  'device.when': 'An address of the network that the device is in; {age} ago',
  'device.warn':
    'Whoever shows this code gets access in your name. Did you start this yourself, just now, on a device that you can see? If the code came by message, mail or phone, it is a trick.',
  'device.abort': 'No, this is not mine',
  'device.confirm': 'Yes, continue',
  'device.confirmFoot': 'On the next pages you sign in and decide what it may do.',
  'device.connectedTitle': 'Your device is connected',
  'device.connected': 'It goes on by itself within a few seconds. You can close this page.',
  'device.deniedTitle': 'Nothing was allowed',
  'device.denied': 'The device was told so. You can close this page.',
  'device.usedTitle': 'This code was used already',
  'device.used':
    'Somebody has entered it before, perhaps you in another window. Start again on the device if it is not connected.',
  'device.throttledTitle': 'Too many codes were tried',
  'device.throttled': 'Too many codes were entered from this browser or address. Nothing was allowed.',
  'device.throttledDo': 'Wait a few minutes, then start again on the device.',

  'return.allowedTitle': 'Allowed',
  'return.deniedTitle': 'Denied',
  'return.going': 'Taking you back to {target}.',
  'return.goingLink': 'Continue if nothing happens',
  'return.open':
    'One more step: go back to the app. The button opens the app that handles {scheme} links on this device.',
  'return.openLink': 'Back to the app',
  'return.close': 'After that you can close this page.',

  'error.reference': 'Reference for the operator: {requestId}',
  'error.next': 'What you can do',
  'error.expired.title': 'This page no longer works',
  'error.expired.what':
    'The sign-in it belongs to has expired, was already completed, or was started in another browser.',
  'error.expired.do': 'Go back to your app and connect again from there, in this browser.',
  'error.forged.title': 'That did not come from our page',
  'error.forged.what': 'The form was sent from another site, or the page was open for too long. Nothing was changed.',
  'error.forged.do':
    'Go back to your app and connect again. If you did not send a form yourself, close the page that sent you here.',
  'error.form.title': 'The form could not be read',
  'error.form.do': 'Go back and send it again.',
  'error.unavailable.title': 'The gateway cannot answer right now',
  'error.unavailable.what': 'Something it depends on is not working. Nothing was changed by this attempt.',
  'error.unavailable.do': 'Try again in a minute. If it stays like this, give the operator the reference below.',
  'error.busy.title': 'Too many people are signing in',
  'error.busy.what': 'The gateway checks only a few passwords at a time, and the queue is full.',
  'error.busy.do': 'Go back and try again in a few seconds.',
  'error.account.title': 'This account cannot decide',
  'error.account.what': 'It was disabled or removed after you signed in.',
  'error.account.do': 'Ask the operator of this gateway, or connect again and sign in with another account.',
  'error.notLinked.title': 'You have no account here',
  'error.notLinked.what':
    'Your identity provider says who you are, but no account of this gateway is yours, or it may not be used.',
  'error.notLinked.do': 'Ask the operator of this gateway for an account, and give them the reference below.',
  'error.providerRefused.title': 'You were not signed in',
  'error.providerRefused.what': 'Your identity provider did not vouch for you, or you stopped there.',
  'error.providerRefused.do': 'Go back to your app and connect again from there, in this browser.',
  'error.secondFactor.title': 'A second factor is needed',
  'error.secondFactor.what':
    'What the app asks for needs a sign-in with a second factor or a recent one, and your identity provider did not say that yours was.',
  'error.secondFactor.do':
    'Sign in there again with a second factor, then connect again from your app. If you did, give the operator the reference below.',
  'error.provider.title': 'Your identity provider cannot be asked right now',
  'error.provider.what': 'It did not answer, or its answer could not be trusted. Nothing was changed by this attempt.',
  'error.provider.do': 'Try again in a minute. If it stays like this, give the operator the reference below.',
  'error.setupLink.title': 'This setup link does not work',
  'error.setupLink.what': 'It was already used, has expired, or was replaced by a newer one.',
  'error.setupLink.do':
    'If there is no account yet, stop the gateway and start it again: it prints a new link. Otherwise add accounts with `sallyport user add`.',
  'error.alreadySetUp.title': 'The first account already exists',
  'error.alreadySetUp.what': 'A setup link only ever creates the first account of a gateway.',
  'error.alreadySetUp.do': 'Create further accounts with `sallyport user add`.',

  'time.seconds.one': '1 second',
  'time.seconds.other': '{count} seconds',
  'time.minutes.one': '1 minute',
  'time.minutes.other': '{count} minutes',
  'time.hours.one': '1 hour',
  'time.hours.other': '{count} hours',
  'time.days.one': '1 day',
  'time.days.other': '{count} days',
} as const

export type TextKey = keyof typeof TEXTS

/** The names between braces in a text. */
type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never

/** What must be given to print the text of this key; nothing when it has no placeholders. */
export type TextValues<Key extends TextKey, Value = HtmlValue> =
  Placeholders<(typeof TEXTS)[Key]> extends never
    ? [values?: undefined]
    : [values: Readonly<Record<Placeholders<(typeof TEXTS)[Key]>, Value>>]
