/** Path of the script, which pages that use passkeys name in their policy, and no other. */
export const PASSKEY_SCRIPT_PATH = '/passkey.js'

/**
 * Passkeys are a browser's own interface and need a script: this one, as it is. It reads what to ask for from the form, asks when the person
 * presses the button, puts the answer into the form and sends it. Without it the form says what to do instead.
 */
export const PASSKEY_SCRIPT = `'use strict'
const form = document.querySelector('form[data-passkey]')
const button = form.querySelector('button')
const problem = form.querySelector('[data-problem]')
const PublicKey = window.PublicKeyCredential
const isMaking = form.dataset.passkey === 'create'
if (PublicKey && PublicKey.parseCreationOptionsFromJSON && PublicKey.parseRequestOptionsFromJSON) {
  document.querySelector('[data-without]').hidden = true
  button.hidden = false
  form.addEventListener('submit', async (event) => {
    if (form.elements.credential.value !== '') return
    event.preventDefault()
    problem.hidden = true
    try {
      const options = JSON.parse(form.dataset.options)
      const credential = isMaking
        ? await navigator.credentials.create({ publicKey: PublicKey.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKey.parseRequestOptionsFromJSON(options) })
      form.elements.credential.value = JSON.stringify(credential.toJSON())
      form.submit()
    } catch {
      problem.hidden = false
    }
  })
}
`
