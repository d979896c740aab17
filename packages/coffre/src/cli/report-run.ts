/** `coffre report`: gathers the facts of a period and writes them down in the form that was asked for. */
import { extname } from 'node:path';
import { requireConfig } from '../config/parse.ts';
import { replaceFile } from '../platform/replace-file.ts';
import { composeReport } from '../report/compose.ts';
import type { ReportDocument } from '../report/document.ts';
import { periodOf, reportSpans } from '../report/period.ts';
import { readReport } from '../report/read-report.ts';
import { reportOf } from '../report/report.ts';
import type { Report } from '../report/report.ts';
import { Zones } from '../schedule/zone.ts';
import { localTimeIn } from '../status/local-time.ts';
import type { Cli } from './cli.ts';
import { loadConfig } from './config-source.ts';
import { jsonText } from './output/json.ts';
import type { ReportOptions } from './report.ts';
import { statusDoors, withHistory } from './status-doors.ts';
import { parseChoice, usage } from './values.ts';
import { version } from './version.ts';

const formats = ['text', 'md', 'html', 'pdf', 'csv', 'json'] as const;
type Format = (typeof formats)[number];

export async function makeReport(cli: Cli, spanText: string, options: ReportOptions, folder: string): Promise<void> {
  const span = parseChoice(spanText, 'The report', reportSpans);
  const language = parseChoice(options.lang, '--lang', ['en', 'fr']);
  const format = formatOf(cli, options);
  if (format === 'pdf' && options.output === undefined && cli.terminal.outputIsTerminal) {
    throw usage('a PDF cannot be shown on a terminal', 'Write it into a file: --output report.pdf.');
  }
  const config = requireConfig(await loadConfig(cli, options.config, folder));
  const doors = statusDoors();
  const period = periodOf(span, options.at, doors.nowMs, config.timezone);
  const facts = await withHistory(cli, config, async (store) => await readReport(config, store, period, doors));
  const report = reportOf(facts);
  const localTime = localTimeIn(config.timezone, new Zones());
  const document = composeReport(report, { language, localTime, version });
  const content = await written(format, report, document);
  if (options.output === undefined) {
    if (typeof content === 'string') cli.terminal.printPart(content);
    else await cli.terminal.writeRaw(content);
    return;
  }
  replaceFile(options.output, content);
  cli.printer().normal(`wrote ${options.output}`);
}

const endings: Readonly<Record<string, Format>> = {
  '.txt': 'text',
  '.md': 'md',
  '.html': 'html',
  '.htm': 'html',
  '.pdf': 'pdf',
  '.csv': 'csv',
  '.json': 'json',
};

/** @throws {CoffreError} USAGE */
function formatOf(cli: Cli, { format, output }: ReportOptions): Format {
  if (format !== undefined) return parseChoice(format, '--format', formats);
  if (cli.printer().json) return 'json';
  return (output === undefined ? undefined : endings[extname(output).toLowerCase()]) ?? 'text';
}

async function written(format: Format, report: Report, document: ReportDocument): Promise<string | Uint8Array> {
  switch (format) {
    case 'text':
      return (await import('../report/plain-text.ts')).textReport(document);
    case 'md':
      return (await import('../report/markdown.ts')).markdownReport(document);
    case 'html':
      return (await import('../report/html.ts')).htmlReport(document);
    case 'csv':
      return (await import('../report/csv.ts')).csvReport(document);
    case 'pdf':
      return await (await import('../report/pdf.ts')).pdfReport(document, report.nowMs);
    case 'json':
      return `${jsonText((await import('../report/report-json.ts')).reportJson(report))}\n`;
    default:
      return format satisfies never;
  }
}
