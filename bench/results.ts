import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { markdownTable } from './report.ts';

export type RunDescription = {
  readonly startedAt: Date;
  readonly commandLine: string;
  readonly machine: string;
  readonly versions: readonly string[];
  readonly dataSets: readonly string[];
  readonly places: string;
  readonly note: string | undefined;
  readonly failures: readonly string[];
};

const head = `# Speed and memory beside other programs

Written by \`npm run bench\`; every run adds a section. "wall ratio" and "CPU ratio" are peer / Coffre, the median over
pairs: above 1 Coffre is faster. Peak memory is the resident memory of the whole process tree. All tools ran on the same
data, one after the other in changing order, each with a fresh repository, key derivation and locks included.
\`kopia\` is told to compress as the others do; \`kopia-raw\` is kopia without compression, as it comes.
`;

export function recordRun(file: string, run: RunDescription, lines: readonly (readonly string[])[]): void {
  if (!existsSync(file)) writeFileSync(file, head);
  appendFileSync(file, `\n${runSection(run, lines)}`);
}

export function runSection(run: RunDescription, lines: readonly (readonly string[])[]): string {
  return [
    `## ${run.startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    '',
    ...(run.note === undefined ? [] : [run.note, '']),
    `- machine: ${run.machine}`,
    `- programs: ${run.versions.join(', ')}`,
    ...run.dataSets.map((title) => `- data: ${title}`),
    `- places: ${run.places}`,
    `- command: \`${run.commandLine}\``,
    '',
    markdownTable(lines),
    '',
    ...run.failures.map((line) => `- failed: ${line}`),
    ...(run.failures.length === 0 ? [] : ['']),
  ].join('\n');
}
