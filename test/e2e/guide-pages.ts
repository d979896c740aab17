/** Commands of a guide, run as they are typed there, and what they print compared with what the page shows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { createSampleRepository, samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { compiled } from '../compiled.ts';
import { launcher } from '../program.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

export type Step = { readonly program: string; readonly command: string; readonly shown: string };

/** The lines that begin with `$` in the code blocks of a page, each with what follows it. */
export function stepsOf(page: string): Step[] {
  const text = readFileSync(join(project, 'docs/guides', page), 'utf8');
  const blocks = [...text.matchAll(/```\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
  return blocks.flatMap((block) =>
    [...block.matchAll(/^\$ (\w+) (.*)\n((?:(?!\$ ).*\n)*)/gm)]
      .map(([, program = '', command = '', shown = '']) => ({ program, command, shown }))
      .filter(({ program }) => program !== 'export'),
  );
}

export type Scene = Disposable & {
  readonly folder: string;
  readonly documents: string;
  readonly repository: string;
  /** Where a path of the page lies here. */
  at(path: string): string;
  /** Makes the repository anew, empty, with a key that opens at once. */
  makeRepository(version?: 1 | 2): Promise<void>;
  /** Types a command; its output is both streams, in the order in which they were written. */
  type(command: string, program?: string): { readonly code: number | null; readonly output: string };
  /** The output of a command that succeeds. */
  must(command: string): string;
  keep(name: string): void;
  putBack(name: string): void;
};

/** A machine with the folders of the pages, and one user's documents; with a state folder of its own where plans run. */
export function createScene({ keepsState = false } = {}): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-guide-'));
  const at = (path: string): string => join(folder, path);
  const documents = at('/home/ada/Documents');
  const repository = at('/srv/backup');
  mkdirSync(join(documents, 'letters'), { recursive: true });
  writeFileSync(join(documents, 'letters/2026.txt'), 'dear reader\n');
  writeFileSync(join(documents, 'accounts.csv'), Array.from({ length: 20_000 }, (_, row) => row + 1).join('\n'));
  writeFileSync(join(documents, 'photo.jpg'), createSeededRandom(1).bytes(1_800_000));
  const env = {
    ...process.env,
    ...compiled,
    HOME: folder,
    TZ: 'UTC',
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: samplePassword,
    RESTIC_FROM_PASSWORD: samplePassword,
    RESTIC_CACHE_DIR: at('/cache'),
    ...(keepsState ? { COFFRE_STATE_DIR: at('/state') } : {}),
  };
  const type: Scene['type'] = (command, program = launcher) => {
    const place = at('/output');
    const output = openSync(place, 'w');
    const words = command.split(' ').map((word) => (/^\/(home|srv|mnt|tmp)\//.test(word) ? at(word) : word));
    const { status } = spawnSync(program, words, { cwd: folder, env, stdio: ['ignore', output, output] });
    closeSync(output);
    return { code: status, output: readFileSync(place, 'utf8').replaceAll(folder, '') };
  };
  return {
    folder,
    documents,
    repository,
    at,
    type,
    must(command) {
      const { code, output } = type(command);
      assert.equal(code, 0, `${command}\n${output}`);
      return output;
    },
    async makeRepository(version = 2) {
      rmSync(repository, { recursive: true, force: true });
      mkdirSync(at('/srv'), { recursive: true });
      await createSampleRepository({ backend: createLocalBackend({ path: repository }), version });
    },
    keep: (name) => cpSync(repository, at(`/kept/${name}`), { recursive: true }),
    putBack(name) {
      rmSync(repository, { recursive: true, force: true });
      cpSync(at(`/kept/${name}`), repository, { recursive: true });
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export type Deed = {
  /** How the command of the page begins, so that page and test stay in step. */
  readonly begins: string;
  readonly before?: () => unknown;
  /** Exit code; 0 when absent. */
  readonly code?: number;
  /** What is typed in place of the page's command, where that has an id. */
  readonly typed?: (command: string) => string;
  readonly program?: string;
  /** Where chance has a part in what is printed: what the page and the output both have. */
  readonly prints?: RegExp;
};

/** Does what the page says, in its order: every command, and each of them prints what is shown there. */
export async function followPage(page: string, scene: Scene, deeds: readonly Deed[]): Promise<void> {
  const steps = stepsOf(page);
  assert.deepEqual(
    steps.map(({ command }, index) => command.slice(0, deeds[index]?.begins.length)),
    deeds.map(({ begins }) => begins),
    `the commands of ${page}`,
  );
  for (const [index, { command, shown }] of steps.entries()) {
    const { before, code = 0, typed, program, prints } = deeds[index]!;
    await before?.();
    const run = scene.type(typed?.(command) ?? command, program);
    assert.equal(run.code, code, `${page}: ${command}\n${run.output}`);
    if (shown === '') continue;
    if (prints !== undefined) {
      for (const text of [shown, run.output]) assert.match(text, prints, `${page}: ${command}`);
      continue;
    }
    const [expected, actual] = [masked(shown), masked(run.output)];
    if (expected.startsWith('…\n')) assert.equal(`…\n${tailOf(actual, expected)}`, expected, `${page}: ${command}`);
    else assert.equal(actual, expected, `${page}: ${command}`);
  }
}

/** As many lines from the end as the page shows below its `…`. */
function tailOf(actual: string, expected: string): string {
  return actual
    .split('\n')
    .slice(1 - expected.split('\n').length)
    .join('\n');
}

/** What differs from run to run: ids, figures, times, units, the width of tables, this machine's names, how often a line comes. */
function masked(text: string): string {
  const lines = text
    .replaceAll(`${userInfo().username}@${hostname()}`, 'root@vm')
    .replaceAll(/\b(?:[0-9a-f]{64}|[0-9a-f]{10}|[0-9a-f]{8})\b/g, 'ID')
    .replaceAll(/took [^)]+/g, 'took TIME')
    .replaceAll(/\b(?:about|under) \d+ (?:s|min)\b/g, 'TIME')
    .replaceAll(/\d+(?:\.\d+)?/g, 'N')
    .replaceAll(/\bN (?:B|KiB|MiB|GiB)\b/g, 'N UNIT')
    .replaceAll(/\bN (pack|file|piece|snapshot)s?\b/g, 'N $1')
    .replaceAll(/-{2,}/g, '--')
    .replaceAll(/ +/g, ' ')
    .trimEnd()
    .split('\n');
  return inOrder(lines)
    .filter((line, index, all) => line === '' || line !== all[index - 1])
    .join('\n');
}

/** What is read side by side warns in the order of chance: neighbouring warnings in one order. */
function inOrder(lines: readonly string[]): string[] {
  const isWarning = (line: string | undefined): boolean => line?.startsWith('Warning: ') === true;
  const sorted = [...lines];
  for (let from = 0, to = 0; from < sorted.length; from = to + 1) {
    for (to = from; isWarning(sorted[to]);) to += 1;
    sorted.splice(from, to - from, ...sorted.slice(from, to).toSorted());
  }
  return sorted;
}
