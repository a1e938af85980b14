/**
 * The one stylesheet of all pages for people. Inlined, and allowed by its hash: changing a byte here changes the policy with it.
 * Colours keep 4.5:1 for text and 3:1 for borders of controls in both schemes (WCAG 2.2, 1.4.3 and 1.4.11).
 */
export const STYLESHEET = `
:root {
  color-scheme: light dark;
  --ground: #f3f5f6;
  --card: #ffffff;
  --text: #14201f;
  --muted: #52605f;
  --line: #dbe1e1;
  --control: #7a8887;
  --accent: #0b6b5d;
  --accent-strong: #08564b;
  --on-accent: #ffffff;
  --tint: #eaf4f2;
  --warn-ground: #fff5dc;
  --warn-line: #b7791f;
  --warn-text: #563a00;
  --bad-ground: #fdecea;
  --bad-line: #b3261e;
  --bad-text: #8c1d18;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f1514;
    --card: #182120;
    --text: #e8efee;
    --muted: #a6b5b3;
    --line: #2d3a38;
    --control: #7d8f8c;
    --accent: #72d0bf;
    --accent-strong: #93ddcf;
    --on-accent: #05211c;
    --tint: #1d2f2c;
    --warn-ground: #2e2611;
    --warn-line: #d9a441;
    --warn-text: #f4dfae;
    --bad-ground: #351b19;
    --bad-line: #f2857c;
    --bad-text: #ffc9c4;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { font: 100%/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; min-height: 100vh; background: var(--ground); color: var(--text); overflow-wrap: anywhere; }
.frame { width: 100%; max-width: 34rem; margin: 0 auto; padding: clamp(1rem, 6vh, 4rem) 1rem 2rem; }
.brand { display: flex; align-items: center; gap: .5rem; margin: 0 0 1rem; color: var(--muted); font-size: .9375rem; font-weight: 600; }
.brand svg { width: 1.5rem; height: 1.5rem; flex: none; color: var(--accent); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 14px; padding: clamp(1.125rem, 5vw, 2rem); }
h1 { margin: 0 0 .75rem; font-size: 1.5rem; line-height: 1.25; letter-spacing: -.01em; font-weight: 650; text-wrap: balance; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1rem; line-height: 1.4; font-weight: 650; }
p { margin: 0 0 .75rem; }
.lead { color: var(--muted); margin-bottom: 1.25rem; }
.lead strong { color: var(--text); font-weight: 600; }
.muted { color: var(--muted); }
.small { font-size: .875rem; }
code { font: .875em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
a { color: var(--accent); text-underline-offset: .18em; }
a:hover { color: var(--accent-strong); }
.action { display: inline-block; min-height: 1.5rem; padding: .125rem 0; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 6px; }

.field { margin: 0 0 1.125rem; }
.field label { display: block; margin-bottom: .25rem; font-weight: 600; }
.hint { margin: 0 0 .375rem; color: var(--muted); font-size: .875rem; }
.wrong { margin: 0 0 .375rem; color: var(--bad-text); font-size: .875rem; font-weight: 600; }
input[type=text], input[type=password] {
  display: block; width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit;
  color: var(--text); background: var(--card); border: 1px solid var(--control); border-radius: 9px;
}
input[aria-invalid=true] { border: 2px solid var(--bad-line); }
button, .button {
  display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: .5rem 1.25rem; font: inherit; font-weight: 600;
  text-align: center; text-decoration: none; border-radius: 9px; border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); cursor: pointer;
}
button:hover, .button:hover { background: var(--accent-strong); border-color: var(--accent-strong); color: var(--on-accent); }
button.quiet { background: transparent; color: var(--text); border-color: var(--control); }
button.quiet:hover { background: var(--tint); color: var(--text); border-color: var(--control); }
.wide { width: 100%; }
.choice { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem; margin-top: 1.5rem; }

.note { margin: 0 0 1rem; padding: .75rem 1rem; border-radius: 9px; border: 1px solid var(--line); border-left-width: 4px; background: var(--ground); }
.note p:last-child, .note ul:last-child { margin-bottom: 0; }
.note h2 { margin: 0 0 .25rem; }
.note.warn { background: var(--warn-ground); border-color: var(--warn-line); color: var(--warn-text); }
.note.bad { background: var(--bad-ground); border-color: var(--bad-line); color: var(--bad-text); }
.note.bad a { color: inherit; }
.note ul { margin: 0; padding-left: 1.125rem; }

.facts { margin: 1rem 0 1.5rem; border: 1px solid var(--line); border-radius: 11px; }
.facts > div { padding: .75rem 1rem; }
.facts > div + div { border-top: 1px solid var(--line); }
.facts dt { color: var(--muted); font-size: .8125rem; }
.facts dd { margin: 0; }
.facts .main { font-size: 1.0625rem; font-weight: 650; line-height: 1.4; }
.facts code { color: var(--muted); font-size: .8125rem; }
.key { background: var(--tint); border-radius: 10px 10px 0 0; }
@media (min-width: 32rem) {
  .facts > div { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); }
  .facts dt { grid-row: 1 / span 3; padding-top: .1875rem; }
  .facts dd { grid-column: 2; }
}
.facts .main .muted { font-weight: 400; }
.left-out { margin-top: .875rem; }

fieldset { margin: 0; padding: 0; border: 0; min-width: 0; }
legend { padding: 0; margin: 0 0 .5rem; font-weight: 650; }
.scope { display: grid; grid-template-columns: auto minmax(0, 1fr); column-gap: .75rem; padding: .625rem .75rem; border: 1px solid var(--line); border-radius: 9px; cursor: pointer; }
.scope + .scope { margin-top: .5rem; }
.scope:has(:checked) { background: var(--tint); border-color: var(--accent); }
.scope:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
.scope input { grid-row: 1 / span 2; width: 1.25rem; height: 1.25rem; min-width: 1.25rem; margin: .125rem 0 0; accent-color: var(--accent); }
.scope input:focus-visible { outline: none; }
.scope .name { font-weight: 600; display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .625rem; }
.scope .name code { font-weight: 400; color: var(--muted); }
.scope .what { grid-column: 2; color: var(--muted); font-size: .875rem; }
.risk { padding: 0 .5rem; border: 1px solid var(--warn-line); border-radius: 99px; background: var(--warn-ground); color: var(--warn-text); font-size: .75rem; font-weight: 600; }
details { margin-top: .75rem; }
summary { min-height: 1.75rem; padding: .125rem 0; color: var(--accent); font-weight: 600; cursor: pointer; }
details > fieldset { margin-top: .5rem; }
.foot { margin: 1.25rem 0 0; color: var(--muted); font-size: .8125rem; }
[hidden] { display: none !important; }
.qr svg { display: block; width: 13rem; max-width: 100%; height: auto; margin: 0 auto 1rem; border-radius: 9px; }
.codes { columns: 2; padding: 0; list-style: none; }
.codes li { padding: .1875rem 0; }
.row { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between; }
.copy { display: block; margin: .25rem 0 .75rem; padding: .625rem .75rem; border: 1px solid var(--line); border-radius: 9px; background: var(--ground); user-select: all; }
.mark { display: inline-flex; width: 2.5rem; height: 2.5rem; margin-bottom: .75rem; align-items: center; justify-content: center; border-radius: 50%; background: var(--tint); color: var(--accent); }
.mark svg { width: 1.375rem; height: 1.375rem; }
@media (prefers-reduced-motion: no-preference) { button, .button { transition: background-color .12s ease; } }
@media (forced-colors: active) { .scope:has(:checked) { border-width: 2px; } .scope:focus-within { outline-color: Highlight; } }
`
