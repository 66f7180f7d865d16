/** How the report looks. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1a1d20; --soft: #5b6268; --line: #dcdfe1; --page: #fbfbfa; --surface: #fff;
  --good: #1a7f37; --fair: #8a5a00; --bad: #b3261e; --to-server: #1d5fbf; --to-client: #a8500a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8ea; --soft: #9aa2a9; --line: #2c3135; --page: #101214; --surface: #181b1e;
    --good: #4cc38a; --fair: #e0a33b; --bad: #ff7b72; --to-server: #7db1ff; --to-client: #f0a35e;
  }
}
* { box-sizing: border-box }
body { margin: 0; font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page) }
header, main { max-width: 1100px; margin: 0 auto; padding: 16px }
h1 { font-size: 28px; line-height: 1.2; margin: 16px 0 8px }
h2 { font-size: 20px; margin: 0 }
h3 { font-size: 16px; margin: 16px 0 0 }
h4 { font-size: 14px; margin: 0 }
header p, .rule { max-width: 75ch }
a { color: inherit }
ul { padding-left: 20px; margin: 8px 0 }
.legend, .subjects { list-style: none; padding: 0 }
.subjects, .rule, i { color: var(--soft) }
i { font-style: normal; font-variant-numeric: tabular-nums; display: inline-block; min-width: 56px }
code, .wire td:last-child { font: 12px/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; background: var(--surface) }
.wide table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
.wide th, .wide td { text-align: left; padding: 8px; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap }
.wide tfoot th, .wide tfoot td { border-bottom: 0; font-weight: 600 }
tbody th { font-weight: 400 }
.strict { color: var(--good) } .lenient { color: var(--fair) } .failed { color: var(--bad) } .none { color: var(--soft) }
.badge { white-space: nowrap }
.chapter { margin-top: 32px }
.heads, summary { display: grid; grid-template-columns: minmax(0, 1fr) repeat(var(--runs), 88px); gap: 8px }
.heads { position: sticky; top: 0; z-index: 1; padding: 8px; font-size: 12px; color: var(--soft); background: var(--page); border-bottom: 1px solid var(--line) }
.rule { margin: 4px 0 8px }
.case { border: 1px solid var(--line); border-top-width: 0; background: var(--surface); padding: 0 8px }
.rule + .case { border-top-width: 1px; border-radius: 6px 6px 0 0 }
.case:last-child { border-radius: 0 0 6px 6px }
summary { padding: 4px 0; cursor: pointer; list-style: none }
summary::-webkit-details-marker { display: none }
summary:focus-visible { outline: 2px solid var(--to-server); outline-offset: 2px }
.title { display: flex; gap: 8px }
.title i { flex: none }
.title::after { content: '▸'; margin-left: auto; color: var(--soft) }
[open] > summary .title::after { content: '▾' }
.result { border-top: 1px solid var(--line); padding: 8px 0 }
.result p { margin: 4px 0 }
.case, .chapter { scroll-margin-top: 56px }
.wire { border-collapse: collapse; width: 100%; font-size: 12px; table-layout: fixed }
.wire td { padding: 1px 8px 1px 0; vertical-align: top }
.wire td:first-child { white-space: nowrap; width: 72px }
.wire td:nth-child(2) { width: 45%; overflow-wrap: anywhere }
.to-server td:first-child { color: var(--to-server) } .to-client td:first-child { color: var(--to-client) }
.filtered .case.good, .filtered .group:not(:has(.case:not(.good))), .filtered .chapter:not(:has(.case:not(.good))) { display: none }
@media (max-width: 700px) {
  .heads { display: none }
  summary { grid-template-columns: repeat(var(--runs), minmax(0, 1fr)) }
  .title { grid-column: 1 / -1 }
}
`;

/** The check box, and a case whose number is in the address. */
export const REPORT_SCRIPT = `
const only = document.getElementById('only');
only.addEventListener('change', () => document.body.classList.toggle('filtered', only.checked));
const show = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.matches('details')) target.open = true;
};
addEventListener('hashchange', show);
show();
`;
