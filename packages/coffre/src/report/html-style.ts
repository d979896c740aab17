/** Contrast of 4.5 to 1 and more in light and dark; states differ by word and line, not by colour alone. */
export const reportStyle = `
:root{--ink:#1b1f24;--soft:#57606a;--paper:#fff;--line:#d0d7de;--ok:#1a7f37;--warning:#9a6700;--critical:#cf222e;--unknown:#6639ba;--bar:#0969da}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9da7b3;--paper:#0d1117;--line:#30363d;--ok:#3fb950;--warning:#d29922;--critical:#ff7b72;--unknown:#bc8cff;--bar:#58a6ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1.5rem;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
h1{margin:0;font-size:1.6rem}
h2{margin:2rem 0 .5rem;font-size:1.15rem}
.days,footer,small,dt{color:var(--soft)}
.days{margin:.25rem 0 1rem}
.verdict{margin:0;padding:.75rem 1rem;border:1px solid var(--line);border-left:.4rem solid}
.verdict strong{margin-right:.5rem}
.ok{border-left-color:var(--ok)}.ok strong{color:var(--ok)}
.warning{border-left-color:var(--warning)}.warning strong{color:var(--warning)}
.critical{border-left-color:var(--critical)}.critical strong{color:var(--critical)}
.unknown{border-left-color:var(--unknown)}.unknown strong{color:var(--unknown)}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.75rem;margin:1rem 0}
.figures div{padding:.6rem .8rem;border:1px solid var(--line)}
dt{font-size:.85rem}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:1rem}
figure{margin:0}
figcaption{font-size:.9rem}
svg{width:100%;height:auto}
svg rect{fill:var(--bar)}
svg line{stroke:var(--line)}
svg text{fill:var(--soft);font-size:10px}
.table{overflow-x:auto}
.table:focus{outline:2px solid var(--bar)}
table{width:100%;border-collapse:collapse;font-size:.9rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
td{overflow-wrap:break-word;max-width:28rem}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
footer{margin-top:2rem;font-size:.85rem}
@media print{html{font-size:10px}body{padding:0;max-width:none;font-size:1rem}h2{break-after:avoid}tr,figure,.figures div{break-inside:avoid}.table{overflow:visible}}
`;
