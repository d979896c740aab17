import { pairedRatio, spreadOf, type Sample } from './statistics.ts';

/** All turns of one tool in one row. */
export type Cell = {
  readonly tool: string;
  readonly samples: readonly Sample[];
  /** Bytes of the repository after the last turn, where the row says something about it. */
  readonly repositoryBytes?: number;
  /** Coffre's own figures: what of the wall time is key derivation and waiting for the lock. */
  readonly apart?: { readonly keyMs: number; readonly lockMs: number };
  /** Why there are no samples. */
  readonly failure?: string;
};

export type Row = { readonly name: string; readonly cells: readonly Cell[] };

const columns = [
  'row',
  'tool',
  'wall s min',
  'median',
  'CPU s',
  'peak MB',
  'stored MB',
  'wall ratio',
  'CPU ratio',
] as const;

/** `ratio` is peer / Coffre: above 1 Coffre is faster. */
export function formatRows(rows: readonly Row[], oursName: string): string[][] {
  return [[...columns], ...rows.flatMap((row) => formatRow(row, oursName))];
}

function formatRow(row: Row, oursName: string): string[][] {
  const ours = row.cells.find((cell) => cell.tool === oursName);
  return row.cells.map((cell, index) => {
    const title = index === 0 ? row.name : '';
    const first = cell.samples[0];
    if (first === undefined) return [title, cell.tool, 'failed', '', '', '', '', '', ''];
    const wall = spreadOf(cell.samples.map(({ wallMs }) => wallMs));
    const cpu = spreadOf(cell.samples.map(({ cpuMs }) => cpuMs));
    const peak = spreadOf(cell.samples.map(({ peakBytes }) => peakBytes));
    const ratio = (of: (sample: Sample) => number): string =>
      cell === ours || ours === undefined || ours.samples.length === 0
        ? ''
        : pairedRatio(cell.samples.map(of), ours.samples.map(of)).toFixed(2);
    return [
      title,
      cell.apart === undefined
        ? cell.tool
        : `${cell.tool} (key ${seconds(cell.apart.keyMs)}, lock ${seconds(cell.apart.lockMs)})`,
      seconds(wall.min),
      seconds(wall.median),
      seconds(cpu.median),
      (peak.max / 1e6).toFixed(0),
      cell.repositoryBytes === undefined ? '' : (cell.repositoryBytes / 1e6).toFixed(1),
      ratio(({ wallMs }) => wallMs),
      ratio(({ cpuMs }) => cpuMs),
    ];
  });
}

function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(2);
}

/** What went wrong, one line each: a row with a failure is no result. */
export function failures(rows: readonly Row[]): string[] {
  return rows.flatMap(({ name, cells }) =>
    cells.flatMap(({ tool, failure }) => (failure === undefined ? [] : [`${name}, ${tool}: ${failure}`])),
  );
}

/** For a terminal: columns in line, numbers to the right. */
export function plainTable(lines: readonly (readonly string[])[]): string {
  const widths = widthsOf(lines);
  return lines
    .map((cells) =>
      cells
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function markdownTable(lines: readonly (readonly string[])[]): string {
  const [head = [], ...body] = lines;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column < 2 ? '---' : '--:'));
  return [line(head), line(rule), ...body.map(line)].join('\n');
}

function widthsOf(lines: readonly (readonly string[])[]): number[] {
  const [head = []] = lines;
  return head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
}
