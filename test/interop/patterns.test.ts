/** Exclude and include patterns against restic: which files a backup takes, and which a restore gives back. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as fc from 'fast-check';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { toByteString } from '../../packages/repository/src/format/bytestring.ts';
import { compilePatterns, type PathMatcher } from '../../packages/repository/src/select/patterns.ts';
import { createSampleRepository } from '../../packages/repository/src/testing/sample-repository.ts';
import { findNewRestic } from '../peers/peers.ts';
import { runRestic, temporaryFolder } from './restic.ts';

const restic = findNewRestic();
const skip = restic === undefined ? 'restic 0.19 is not here' : false;
const seed = Number(process.env['SEED'] ?? 20260103);

const folder = temporaryFolder();
const repositoryPath = join(folder.path, 'repository');
const source = join(folder.path, 'source');

const names = ['a', 'b', 'ab', 'cache', 'Cache', 'x.log', 'y.LOG', 'é', '日本', '[z]', 'a*b', 'b\\'];

function makeSource(): void {
  const random = fc.sample(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 5 }), { numRuns: 120, seed });
  for (const parts of random) {
    const path = join(source, ...parts.map((name, index) => (index < parts.length - 1 ? `${name}.d` : name)));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  }
}

const piece = fc.constantFrom(
  'a',
  'b',
  'x',
  '.log',
  '.d',
  'é',
  '日',
  '*',
  '*',
  '?',
  '[ab]',
  '[^a]',
  '[à-ü]',
  '\\[',
  '\\*',
  'C',
);
const part = fc.oneof(
  { weight: 3, arbitrary: fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join('')) },
  { weight: 2, arbitrary: fc.constantFrom(...names.slice(0, 9), 'a.d', 'b.d', '*.d') },
  { weight: 1, arbitrary: fc.constant('**') },
);
const pattern = fc
  .tuple(fc.constantFrom('', '', '', '!', `${source}/`, `!${source}/`), fc.array(part, { minLength: 1, maxLength: 3 }))
  .map(([start, parts]) => start + parts.join('/'));
const patternLists = fc.array(pattern, { minLength: 1, maxLength: 3 });

function lines<T>(stdout: string): T[] {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as T);
}

/** What a walk meets that does not enter what `enters` leaves out. */
function walk(enters: (path: string) => boolean): string[] {
  const met: string[] = [];
  const visit = (path: string): void => {
    if (!enters(path)) return;
    met.push(path);
    if (statSync(path).isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  };
  visit(source);
  return met.sort();
}

const matches = (matcher: PathMatcher, path: string): boolean => matcher.matches(toByteString(path));

describe('patterns', { skip }, () => {
  before(async () => {
    const sample = await createSampleRepository({ backend: createLocalBackend({ path: repositoryPath }) });
    await sample.repository[Symbol.asyncDispose]();
    makeSource();
    assert.equal(runRestic(restic!.path, repositoryPath, ['backup', '--quiet', source]).exitCode, 0);
  });
  after(() => folder[Symbol.dispose]());

  test('exclude from a backup what they exclude in restic', () => {
    const lists = fc.sample(fc.tuple(patternLists, fc.boolean()), { numRuns: 60, seed });
    for (const [patterns, ignoreCase] of lists) {
      const flag = ignoreCase ? '--iexclude' : '--exclude';
      const argv = [
        'backup',
        '--dry-run',
        '--no-lock',
        '--force',
        '--json',
        '-vv',
        ...patterns.map((text) => `${flag}=${text}`),
        source,
      ];
      const run = runRestic(restic!.path, repositoryPath, argv);
      const taken = lines<{ message_type: string; action: string; item: string }>(run.stdout)
        .filter(({ message_type }) => message_type === 'verbose_status')
        .map(({ item }) => item.replace(/(?<=.)\/$/, ''))
        .filter((item) => item === source || item.startsWith(`${source}/`));
      const matcher = compilePatterns(patterns, { ignoreCase });
      // What was named is taken whatever the patterns say; only what is in it is judged.
      const ours = walk((path) => path === source || !matches(matcher, path));
      assert.equal(run.exitCode, 0, run.stderr);
      assert.deepEqual(ours, [...new Set(taken)].sort(), `seed ${seed}: ${argv.join(' ')}`);
    }
  });

  test('include in a restore what they include in restic', () => {
    const lists = fc.sample(fc.tuple(patternLists, fc.boolean()), { numRuns: 60, seed: seed + 1 });
    const target = join(folder.path, 'target');
    for (const [patterns, ignoreCase] of lists) {
      const flag = ignoreCase ? '--iinclude' : '--include';
      const argv = [
        'restore',
        'latest',
        '--dry-run',
        '--no-lock',
        '--json',
        '-vv',
        '--target',
        target,
        ...patterns.map((text) => `${flag}=${text}`),
      ];
      const run = runRestic(restic!.path, repositoryPath, argv);
      assert.equal(run.exitCode, 0, run.stderr);
      const restored = lines<{ message_type: string; item: string }>(run.stdout)
        .filter(({ message_type }) => message_type === 'verbose_status')
        .map(({ item }) => item)
        .filter((item) => item.startsWith(`${source}/`) && !statSync(item).isDirectory());
      const matcher = compilePatterns(patterns, { ignoreCase });
      const enters = (path: string): boolean =>
        matches(matcher, path) || (statSync(path).isDirectory() && matcher.mayMatchBelow(toByteString(path)));
      const above = source
        .split('/')
        .map((_, index, all) => all.slice(0, index + 1).join('/'))
        .filter((path) => path !== '');
      const isReached = above.every((path) => enters(path));
      const ours = isReached
        ? walk(enters).filter((path) => !statSync(path).isDirectory() && matches(matcher, path))
        : [];
      assert.deepEqual(ours, restored.sort(), `seed ${seed}: ${argv.join(' ')}`);
    }
  });
});
