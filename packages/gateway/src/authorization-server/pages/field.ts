import { attributes, type HtmlValue, html } from '#http/html.ts'

export interface FieldInput {
  readonly id: string
  readonly type: 'text' | 'password'
  readonly label: HtmlValue
  /** WCAG 2.2, 1.3.5: lets password managers fill it. */
  readonly autocomplete: 'username' | 'current-password' | 'new-password' | 'one-time-code' | 'off'
  readonly value?: string
  readonly hint?: HtmlValue
  readonly problem?: HtmlValue
  /** Id of the element that says what is wrong, when it is said once for several fields. */
  readonly problemId?: string | null
  readonly isFirst?: boolean
}

/** A labelled text field; hint and problem are tied to it, so that they are read out with it. */
export function field(input: FieldInput): HtmlValue {
  const problemId = input.problem ? `${input.id}-wrong` : (input.problemId ?? null)
  const described = [input.hint ? `${input.id}-hint` : null, problemId].filter((id) => id !== null)
  const list = attributes({
    value: input.value ?? null,
    'aria-describedby': described.length > 0 ? described.join(' ') : null,
    'aria-invalid': problemId === null ? null : 'true',
    autofocus: input.isFirst === true,
    autocapitalize: input.type === 'text' ? 'none' : null,
    spellcheck: input.type === 'text' ? 'false' : null,
  })
  return html`<div class="field">
<label for="${input.id}">${input.label}</label>
${input.hint ? html`<p class="hint" id="${input.id}-hint">${input.hint}</p>` : null}
${input.problem ? html`<p class="wrong" id="${input.id}-wrong">${input.problem}</p>` : null}
<input type="${input.type}" id="${input.id}" name="${input.id}" autocomplete="${input.autocomplete}" required maxlength="512"${list}>
</div>`
}
