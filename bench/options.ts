import { parseArgs } from 'node:util';

export const rowNames = [
  'first',
  'second',
  'changed',
  'restore',
  'check',
  'copy',
  'prune',
  'sftp',
  's3',
  'growth',
  'index',
] as const;
export type RowName = (typeof rowNames)[number];
export const setNames = ['random', 'usr', 'small', 'scattered'] as const;
export type SetName = (typeof setNames)[number];

export type BenchOptions = {
  readonly rows: readonly RowName[];
  readonly sets: readonly SetName[];
  /** How often each tool takes its turn. */
  readonly pairs: number;
  /** Of the full size of every data set. */
  readonly scale: number;
  /** Empty: every tool that is found. */
  readonly peers: readonly string[];
  readonly dataFolder: string | undefined;
  readonly workFolder: string | undefined;
  readonly coffre: string | undefined;
  readonly note: string | undefined;
  /** Results are appended to RESULTS.md. */
  readonly record: boolean;
};

export const usage = `npm run bench -- [options]

  --rows LIST      of ${rowNames.join(',')} (default: all)
  --sets LIST      of ${setNames.join(',')} (default: all)
  --pairs N        turns of every tool (default: 3)
  --scale X        share of the full size of every data set (default: 1)
  --peers LIST     of restic,rustic,kopia,kopia-raw,borg; "none" for Coffre alone (default: what is found)
  --data FOLDER    where data sets are made and kept (default: coffre-bench in the system's temporary folder)
  --work FOLDER    where repositories and restored files go (default: /dev/shm when there is one, else the data folder)
  --coffre FILE    another coffre to measure (default: the release that was just built)
  --note TEXT      a line for the results
  --no-record      print only, do not append to bench/RESULTS.md
`;

/** @throws {Error} with a sentence for the user */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rows: { type: 'string' },
      sets: { type: 'string' },
      pairs: { type: 'string', default: '3' },
      scale: { type: 'string', default: '1' },
      peers: { type: 'string', default: '' },
      data: { type: 'string' },
      work: { type: 'string' },
      coffre: { type: 'string' },
      note: { type: 'string' },
      'no-record': { type: 'boolean', default: false },
    },
  });
  const pairs = Number(values.pairs);
  if (!Number.isInteger(pairs) || pairs < 1) throw new Error('--pairs takes a whole number from 1 on');
  const scale = Number(values.scale);
  if (!(scale > 0 && scale <= 10)) throw new Error('--scale takes a number above 0, 1 being the full size');
  return {
    rows: chosen('--rows', values.rows, rowNames),
    sets: chosen('--sets', values.sets, setNames),
    pairs,
    scale,
    peers: listOf(values.peers),
    dataFolder: values.data,
    workFolder: values.work,
    coffre: values.coffre,
    note: values.note,
    record: !values['no-record'],
  };
}

function listOf(text: string): string[] {
  return text.split(',').filter((word) => word !== '');
}

function chosen<Name extends string>(flag: string, text: string | undefined, names: readonly Name[]): readonly Name[] {
  if (text === undefined) return names;
  const words = listOf(text);
  const wrong = words.find((word) => !(names as readonly string[]).includes(word));
  if (wrong !== undefined) throw new Error(`${flag} does not know ${wrong}; it takes ${names.join(', ')}`);
  return names.filter((name) => words.includes(name));
}
