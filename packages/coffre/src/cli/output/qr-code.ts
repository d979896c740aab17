/** QR codes as text and as SVG. The one file that knows the library behind them. */
import createCode from 'qrcode-generator';

/** Rows from the top; true is dark. */
export type QrModules = readonly (readonly boolean[])[];

/** What a scanner needs around the code, in modules. */
const quietZone = 4;

/** More of them make squares too small for a phone to read from paper. */
const bytesMax = 800;

/** The bytes of the text in UTF-8, legible with 15 % of it damaged. Undefined when there are too many. */
export function qrModules(text: string): QrModules | undefined {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.byteLength > bytesMax) return undefined;
  const code = createCode(0, 'M');
  // The library takes one byte of each character.
  code.addData(bytes.toString('latin1'), 'Byte');
  code.make();
  const count = code.getModuleCount();
  return Array.from({ length: count }, (_row, row) => Array.from({ length: count }, (_, at) => code.isDark(row, at)));
}

/** Two rows of modules in a line; what is drawn is dark, as ink is. */
export function qrLines(modules: QrModules): string[] {
  const width = modules.length + 2 * quietZone;
  const isDark = (row: number, column: number): boolean => modules[row - quietZone]?.[column - quietZone] ?? false;
  return Array.from({ length: Math.ceil(width / 2) }, (_line, line) =>
    Array.from({ length: width }, (_, column) => {
      const [above, below] = [isDark(2 * line, column), isDark(2 * line + 1, column)];
      return above ? (below ? '█' : '▀') : below ? '▄' : ' ';
    }).join(''),
  );
}

export function qrSvg(modules: QrModules): string {
  const size = modules.length + 2 * quietZone;
  const squares = modules.flatMap((row, y) =>
    row.flatMap((dark, x) => (dark ? [`M${x + quietZone} ${y + quietZone}h1v1h-1z`] : [])),
  );
  return (
    `<svg viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges" role="img" aria-label="QR code of the password">` +
    `<rect width="${size}" height="${size}" fill="#fff"/><path d="${squares.join('')}" fill="#000"/></svg>`
  );
}
