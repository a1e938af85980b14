/** System fonts, colours with 4.5:1 contrast in light and dark, nothing from outside. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1a1d21;--quiet:#545b64;--line:#d5d9de;--soft:#f4f6f8;--link:#0b57a4;--bad:#a3130f;--middling:#7a4b00;--good:#12642f}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e8eaed;--quiet:#a8b0b9;--line:#3a4149;--soft:#1e2226;--link:#8ab8f0;--bad:#ff9a92;--middling:#f0c274;--good:#8fd6a4}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main,footer{max-width:72rem;margin:0 auto;padding:1.5rem}
footer{color:var(--quiet);border-top:1px solid var(--line)}
h1{font-size:1.6rem;line-height:1.25;overflow-wrap:anywhere;margin:.5rem 0 1rem}
h2{font-size:1.25rem;margin:2rem 0 .75rem}
a{color:var(--link)}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:1rem;background:var(--paper);padding:.5rem 1rem;border:2px solid var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr));gap:.75rem;margin:0}
.facts div{background:var(--soft);border-radius:.4rem;padding:.6rem .8rem}
dt{color:var(--quiet);font-size:.875rem}
dd{margin:0 0 .5rem;overflow-wrap:anywhere}
.table{overflow-x:auto;margin:1.5rem 0}
table{border-collapse:collapse;width:100%;font-size:.9rem}
caption{text-align:left;font-size:1.25rem;font-weight:600;padding:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.45rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:break-word;max-width:24rem}
thead th{background:var(--soft);white-space:nowrap}
tbody th{font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}.middling{color:var(--middling)}
.finding{border:1px solid var(--line);border-left-width:.35rem;border-radius:.3rem;margin:.6rem 0;padding:.3rem .9rem}
.finding.critical,.finding.high{border-left-color:var(--bad)}
.finding.medium{border-left-color:var(--middling)}
summary{cursor:pointer;padding:.4rem 0;overflow-wrap:anywhere}
.severity{display:inline-block;min-width:4.5rem;font-weight:600}
.where{color:var(--quiet);font-size:.875rem}
.critical .severity,.high .severity{color:var(--bad)}
.medium .severity{color:var(--middling)}
code,pre{font-family:ui-monospace,monospace;font-size:.875em}
pre{background:var(--soft);padding:.6rem;overflow-x:auto;max-height:24rem}
@media print{details:not([open])>*{display:block}.skip{display:none}}
`
