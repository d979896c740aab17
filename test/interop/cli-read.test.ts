/** What only reads: the same words, on the same repository, must give the same answer, byte for byte or value for value. */
import assert from 'node:assert/strict';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithout } from '../peers.ts';
import { createWorld, firstWords, messages, restic, withoutChance } from './cli-programs.ts';
import type { World } from './cli-programs.ts';

describe('reading answers as restic does', { skip: skipWithout(restic, 'restic 0.19') }, () => {
  let world: World;
  /** Oldest first. */
  let ids: string[];

  before(async () => {
    world = await createWorld();
    const save = (...argv: string[]): void => {
      const run = world.restic(['backup', '-q', ...argv]);
      assert.equal(run.code, 0, run.stderr);
    };
    save('source');
    appendFileSync(join(world.source, 'b.txt'), 'changed\n');
    save('source', '--tag', 'daily,web', '--host', 'other', '--time', '2026-01-02 03:04:05');
    writeFileSync(join(world.source, 'new "name"\n\x1b[1m'), 'odd');
    rmSync(join(world.source, 'empty'));
    save('source', 'source/sub', '--tag', 'daily');
    save('--stdin-from-command', '--stdin-filename', 'dump.sql', '--', 'echo', 'select 1');
    const listed = JSON.parse(world.restic(['snapshots', '--json']).stdout) as { id: string; time: string }[];
    ids = listed.map(({ id }) => id);
  });

  after(() => world[Symbol.dispose]());

  const asJson = [
    ['snapshots', '--json'],
    ['snapshots', '--json', '--tag', 'daily'],
    ['snapshots', '--json', '--host', 'other'],
    ['snapshots', '--json', '--latest', '1'],
    ['snapshots', '--json', 'latest'],
    ['ls', '--json', 'latest', '--host', 'other'],
    ['ls', '--json', 'latest', '--tag', 'daily', '--sort', 'size', '--reverse'],
    ['find', '--json', '*.conf', 'b.txt'],
    ['find', '--json', 'nothing-like-it'],
    ['find', '--json', '-i', 'B.TXT', '--newest', '2023-11-14 22:13:21'],
    ['stats', '--json'],
    ['stats', '--json', '--mode', 'raw-data'],
    ['stats', '--json', '--mode', 'files-by-contents'],
    ['stats', '--json', '--mode', 'blobs-per-file', 'latest'],
    ['key', 'list', '--json'],
    ['cat', 'config'],
    ['cat', 'masterkey'],
    ['forget', '--json', '--dry-run', '--keep-last', '1'],
    ['forget', '--json', '--dry-run', '--keep-daily', '2', '--keep-tag', 'web', '--group-by', ''],
  ];
  for (const argv of asJson) {
    test(`${argv.join(' ')}: the same values`, () => {
      const [ours, theirs] = [world.coffre(['--no-lock', ...argv]), world.restic(['--no-lock', ...argv])];
      assert.equal(ours.code, theirs.code, ours.stderr);
      assert.deepEqual(values(ours.stdout), values(theirs.stdout));
    });
  }

  /** restic has its groups in no order. */
  function values(text: string): unknown {
    if (text.startsWith('{\n')) return JSON.parse(text);
    return messages(text).map((value) =>
      Array.isArray(value) && value.some((one) => 'reasons' in one)
        ? value.map((one) => JSON.stringify(one, sortedKeys)).sort()
        : value,
    );
  }

  function sortedKeys(_: string, value: unknown): unknown {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  test('diff: the same lines, and with --verbose after them what a restore would take', () => {
    const argv = ['--no-lock', 'diff', ids[0] ?? '', ids[1] ?? ''];
    const theirs = world.restic(argv).stdout;
    assert.equal(world.coffre(argv).stdout, theirs);
    const ours = world.coffre([...argv, '-v']).stdout;
    assert.ok(ours.includes(theirs), ours);
    assert.match(
      ours.slice(ours.indexOf(theirs) + theirs.length),
      /^\nSnapshot [0-9a-f]{8} .*: read .*, new .*, stored .*\nView /,
    );
    assert.equal(world.coffre(['--quiet', ...argv]).stdout, world.restic(['--quiet', ...argv]).stdout);
  });

  test('diff --json: the same changes and figures', () => {
    const asRestic = (message: Record<string, unknown>): Record<string, unknown> => {
      const { target: _, bytes_read: __, bytes_new: ___, bytes_stored: ____, restore: _____, ...theirs } = message;
      return theirs;
    };
    const [first = '', second = '', third = ''] = ids;
    for (const pair of [
      [first, second],
      [second, third],
      [`${second}:source`, `${third}:source`],
    ]) {
      const argv = ['--no-lock', 'diff', '--json', '--metadata', ...pair];
      assert.deepEqual(messages(world.coffre(argv).stdout).map(asRestic), messages(world.restic(argv).stdout));
    }
  });

  const asText = [
    ['snapshots'],
    ['snapshots', '--compact'],
    ['snapshots', '--tag', 'nothing-has-it'],
    ['snapshots', 'deadbeef'],
    ['ls', 'latest', '--host', 'other'],
    ['ls', '--long', 'latest', '--host', 'other'],
    ['ls', '--long', '--human-readable', 'latest', '--host', 'other', '--sort', 'extension'],
    ['ls', '--quiet', 'latest', '--host', 'other'],
    ['ls', '--ncdu', 'latest', '--host', 'other'],
    ['find', '--long', '*.conf'],
    ['find', '--oldest', '2026-01-01', 'b.txt'],
    ['key', 'list'],
    ['forget', '--dry-run', '--keep-last', '1', '--group-by', ''],
    ['forget', '--dry-run', '--verbose', '--compact', '--keep-hourly', '3', '--group-by', ''],
    ['rewrite', '--dry-run', '--exclude', 'b.txt', '--host', 'other'],
    ['rewrite', '--dry-run', '--exclude', 'nothing-like-it', '--host', 'other'],
  ];
  for (const argv of asText) {
    test(`${argv.join(' ')}: the same lines`, () => {
      const [ours, theirs] = [world.coffre(['--no-lock', ...argv]), world.restic(['--no-lock', ...argv])];
      assert.equal(ours.code, theirs.code, ours.stderr);
      assert.equal(ours.stdout, theirs.stdout);
      assert.equal(firstWords(ours.stderr), theirs.stderr);
    });
  }

  test('stats --mode debug: the same sizes on stderr, with --json too', () => {
    for (const more of [[], ['--json'], ['no-such-snapshot'], ['-v']]) {
      const argv = ['--no-lock', 'stats', '--mode', 'debug', ...more];
      assert.deepEqual(world.coffre(argv), world.restic(argv), more.join(' '));
    }
  });

  test('grouped tables are the same, whatever the order of the groups', () => {
    const argv = ['--no-lock', 'snapshots', '--group-by', 'host,tags'];
    const groups = (text: string): string[] => text.split(/^(?=snapshots for)/m).sort();
    assert.deepEqual(groups(world.coffre(argv).stdout), groups(world.restic(argv).stdout));
  });

  test('check says the same lines, and that no errors were found', () => {
    for (const more of [[], ['--read-data'], ['--read-data-subset', '100%'], ['--host', 'other', '--read-data']]) {
      const [ours, theirs] = [world.coffre(['check', ...more]), world.restic(['check', ...more])];
      assert.equal(withoutChance(ours.stdout), withoutChance(theirs.stdout));
      assert.deepEqual([ours.code, ours.stderr], [0, '']);
    }
    const json = ['check', '--json'];
    assert.deepEqual(messages(world.coffre(json).stdout), messages(world.restic(json).stdout));
  });

  test('list prints the same ids', () => {
    const sorted = (text: string): string[] => text.split('\n').sort();
    for (const kind of ['blobs', 'packs', 'index', 'snapshots', 'keys']) {
      const argv = ['--no-lock', 'list', kind];
      assert.deepEqual(sorted(world.coffre(argv).stdout), sorted(world.restic(argv).stdout), kind);
    }
  });

  test('objects are found in the same places', () => {
    const tree = JSON.parse(world.restic(['--no-lock', 'cat', 'snapshot', ids[0] ?? '']).stdout) as { tree: string };
    const [blob = ''] =
      /[0-9a-f]{64}/.exec(world.restic(['--no-lock', 'list', 'blobs']).stdout.match(/^data .*$/m)?.[0] ?? '') ?? [];
    const [pack = ''] = world.restic(['--no-lock', 'list', 'packs']).stdout.split('\n');
    for (const what of [
      ['--tree', tree.tree],
      ['--blob', blob],
      ['--pack', pack],
    ]) {
      const argv = ['--no-lock', 'find', '--json', ...what];
      const sorted = (text: string): string[] =>
        (messages(text).flat() as unknown[]).map((one) => JSON.stringify(one)).sort();
      assert.deepEqual(sorted(world.coffre(argv).stdout), sorted(world.restic(argv).stdout), what.join(' '));
    }
  });

  test('trees, index files and packs are printed byte for byte', () => {
    const [index = ''] = world.restic(['--no-lock', 'list', 'index']).stdout.split('\n');
    const [pack = ''] = world.restic(['--no-lock', 'list', 'packs']).stdout.split('\n');
    for (const what of [
      ['tree', ids[2] ?? ''],
      ['tree', `${ids[0] ?? ''}:source/sub`],
      ['index', index],
      ['pack', pack],
    ]) {
      const argv = ['--no-lock', 'cat', ...what];
      assert.equal(world.coffre(argv).stdout, world.restic(argv).stdout, what.join(' '));
    }
  });

  test('a name that could steer a terminal is quoted, where restic prints it raw', () => {
    const argv = ['--no-lock', 'ls', 'latest', '--tag', 'daily', '--host', ''];
    assert.match(world.coffre(argv).stdout, /^"\/source\/new \\"name\\"\\n\\x1b\[1m"$/m);
  });
});
