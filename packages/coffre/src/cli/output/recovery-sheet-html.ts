/** The recovery sheet as one HTML file that asks for nothing from outside and prints on one page of A4. */
import { qrModules, qrSvg } from './qr-code.ts';
import { blankLines, restoreSteps, sheetFacts, sheetTitle, sheetWarning, shownPassword } from './recovery-sheet.ts';
import type { RecoverySheet } from './recovery-sheet.ts';

const style = `
@page { size: A4; margin: 12mm 15mm }
* { box-sizing: border-box }
body { font: 10pt/1.35 system-ui, sans-serif; color: #000; background: #fff; max-width: 179mm; margin: 0 auto }
h1 { font-size: 19pt; letter-spacing: .04em; margin: 0 0 3mm }
h2 { font-size: 11pt; margin: 3.5mm 0 1mm }
p { margin: 0 }
code, pre { font: 8.5pt/1.35 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere }
pre { white-space: pre-wrap; margin: 0; padding: 1.5mm 3mm; border: .3mm solid #999 }
.warning { border: .7mm solid #000; padding: 3mm 4mm }
table { border-collapse: collapse; margin-top: 4mm }
th { text-align: left; font-weight: 600; padding: .6mm 6mm .6mm 0; vertical-align: top; white-space: nowrap }
td { padding: .6mm 0 }
.secret { display: flex; gap: 8mm; align-items: center; margin-top: 3mm; break-inside: avoid }
.secret svg { width: 46mm; height: 46mm; flex: none }
.secret h2 { margin-top: 0 }
.password { font-size: 15pt; white-space: pre-wrap; display: block }
.long svg { width: 60mm; height: 60mm }
.long .password { font-size: 6pt; line-height: 1.2 }
.blank { display: flex; gap: 3mm; margin-top: 5.5mm }
.blank span { flex: 1; border-bottom: .3mm solid #000 }
`;

export function sheetHtml(sheet: RecoverySheet): string {
  const { text, note } = shownPassword(sheet.password);
  const modules = qrModules(sheet.password);
  const facts = sheetFacts(sheet).map(
    ([name, value]) => `<tr><th>${escape(name)}</th><td><code>${escape(value)}</code></td></tr>`,
  );
  const steps = restoreSteps(sheet).map(
    ({ title, commands }) => `<h2>${escape(title)}</h2>\n<pre>${escape(commands.join('\n'))}</pre>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Recovery sheet ${escape(sheet.repositoryId.slice(0, 8))}</title>
<style>${style}</style>
<h1>${sheetTitle}</h1>
<p class="warning">${escape(sheetWarning.join(' '))}</p>
<table>
${facts.join('\n')}
</table>
<div class="secret${text.length > 120 ? ' long' : ''}">${modules === undefined ? '' : qrSvg(modules)}<div>
<h2>Password (${escape(note)})</h2>
<p><code class="password">${escape(text)}</code></p>
</div></div>
${steps.join('\n')}
<p style="margin-top: 2mm">Both ask for the password. Then look into <code>/tmp/restored</code> before anything is moved back.
${sheet.access === undefined ? '' : escape(sheet.access)}</p>
${blankLines.map((line) => `<div class="blank">${escape(line)}:<span></span></div>`).join('\n')}
</html>
`;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
