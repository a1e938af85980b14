import { authorizeAsPerson } from './authorize.ts'

// Some clients open the browser before their callback listener is up (mcp-remote does).
const LISTENER_GRACE_MS = 1_500

const [url = ''] = process.argv.slice(2)
const { SALLYPORT_TEST_USERNAME: username = '', SALLYPORT_TEST_PASSWORD: password = '' } = process.env
await new Promise((resolve) => setTimeout(resolve, LISTENER_GRACE_MS))
const callback = await authorizeAsPerson(url, { username, password })
const answer = await fetch(callback)
process.exitCode = answer.ok ? 0 : 1
