/** Spellings of restic's command line that commander does not read. */

const shortsWithValue = 'rpoeHgtas';

/**
 * - `--verbose=2` becomes `-v -v`; `--json=true` becomes `--json`, `--json=false` vanishes;
 * - `-r=repo` becomes `-r repo`;
 * - `help VERB` becomes `VERB --help`;
 * - `--config FILE` before the verb, first or after flags, goes to the end, where every verb that has it takes it.
 * Nothing after `--` is touched.
 */
export function normalizeArguments(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const own = end < 0 ? argv : argv.slice(0, end);
  const rest = end < 0 ? [] : argv.slice(end);
  const normal = configLast(own.flatMap(normalizeArgument));
  return [...helpFirst(normal), ...rest];
}

function normalizeArgument(argument: string): string[] {
  const level = /^--verbose=(\d)$/.exec(argument)?.[1];
  if (level !== undefined) return Array.from({ length: Number(level) }, () => '-v');
  const flag = /^(--[a-z][a-z-]*)=(true|false)$/.exec(argument);
  if (flag !== null && booleans.has(flag[1] ?? '')) return flag[2] === 'true' ? [flag[1] ?? ''] : [];
  const short = argument.charAt(1);
  if (argument.startsWith('-') && argument.charAt(2) === '=' && shortsWithValue.includes(short) && short !== '') {
    return [`-${short}`, argument.slice(3)];
  }
  return [argument];
}

function configLast(argv: readonly string[]): string[] {
  const at = argv.findIndex((argument) => !argument.startsWith('-') || /^--config(=|$)/.test(argument));
  const [first = '', file, ...rest] = argv.slice(Math.max(at, 0));
  const flags = argv.slice(0, Math.max(at, 0));
  if (first === '--config' && file !== undefined) return [...flags, ...rest, first, file];
  return first.startsWith('--config=') ? [...flags, ...argv.slice(at + 1), first] : [...argv];
}

function helpFirst(argv: readonly string[]): readonly string[] {
  const [first, ...verb] = argv;
  return first === 'help' ? [...verb, '--help'] : argv;
}

/** Flags without a value, for their `=true` and `=false` spellings. */
const booleans: ReadonlySet<string> = new Set([
  '--cleanup-cache',
  '--compact',
  '--delete',
  '--dry-run',
  '--exclude-caches',
  '--force',
  '--forget',
  '--ignore-case',
  '--ignore-ctime',
  '--ignore-inode',
  '--insecure-no-password',
  '--insecure-tls',
  '--json',
  '--long',
  '--no-cache',
  '--no-extra-verify',
  '--no-lock',
  '--no-scan',
  '--one-file-system',
  '--prune',
  '--quiet',
  '--read-data',
  '--recursive',
  '--reverse',
  '--skip-if-unchanged',
  '--sparse',
  '--stdin',
  '--stdin-from-command',
  '--verbose',
  '--verify',
  '--with-atime',
]);
