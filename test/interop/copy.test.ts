/** Copies between repositories of both programs, in both directions: same lines, same snapshots, sound on both sides. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { createStage, failureOf, newRestic, skipWithoutBoth, snapshotsIn, type Program, type Ran } from './stage.ts';

const random = createSeededRandom(4);
/** How long it took is another matter. */
const clock = /\[\d+:\d\d\]/g;
const environment = { RESTIC_FROM_PASSWORD: samplePassword };

describe('copy', { skip: skipWithoutBoth }, () => {
  const stage = createStage();
  after(() => stage[Symbol.dispose]());
  const source = join(stage.folder, 'source');
  writeSource();

  function writeSource(): void {
    mkdirSync(join(source, 'deep', 'er'), { recursive: true });
    writeFileSync(join(source, 'noise'), random.bytes(3_000_000));
    writeFileSync(join(source, 'text'), 'a line that repeats\n'.repeat(200_000));
    writeFileSync(join(source, 'empty'), '');
    for (let i = 0; i < 60; i++) writeFileSync(join(source, 'deep', 'er', `n${i}`), `small file ${i} `.repeat(i));
  }

  async function filled(name: string, version: 1 | 2 = 2): Promise<string> {
    const path = await stage.repository(name, version);
    for (const [i, program] of (['new', 'coffre', 'old'] as const).entries()) {
      writeFileSync(join(source, 'changing'), random.bytes(200_000 + i));
      stage.ok(program, path, ['backup', '--tag', `t${i}`, source]);
    }
    return path;
  }

  function copy(program: Program, from: string, to: string, ...argv: string[]): Ran {
    return stage.run(program, to, ['copy', ...argv, '--from-repo', from], { environment });
  }

  function copied(program: Program, from: string, to: string, ...argv: string[]): string {
    const ran = copy(program, from, to, ...argv);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  }

  for (const [from, to] of [
    [2, 2],
    [1, 2],
    [2, 1],
  ] as const) {
    test(`from version ${from} to ${to}: restic finds it sound and complete, and neither program copies it again`, async () => {
      const original = await filled(`from ${from} to ${to}`, from);
      const target = await stage.repository(`to ${to} from ${from}`, to);
      assert.match(copied('coffre', original, target), /saved, copied from source snapshot/);
      stage.ok('new', target, ['check', '--read-data']);
      stage.ok('old', target, ['check', '--read-data']);
      const ids = (path: string): string[] => snapshotsIn(stage, 'new', path).map(({ tree }) => tree);
      assert.deepEqual(ids(target), ids(original));
      const restored = join(stage.folder, `restored ${from} ${to}`);
      stage.ok('new', target, ['restore', 'latest', '--target', restored]);
      for (const name of ['noise', 'text', 'empty', 'changing', 'deep/er/n59']) {
        assert.ok(readFileSync(join(restored, source, name)).equals(readFileSync(join(source, name))), name);
      }
      for (const program of ['new', 'coffre'] as const) {
        assert.equal(copied(program, original, target), '');
        assert.equal(copied(program, target, original), '', 'nor back');
      }
      const third = await stage.repository(`by restic ${from} ${to}`, to);
      copied('new', original, third);
      assert.equal(copied('coffre', original, third), '', 'nor what restic has copied');
    });
  }

  test('it prints what restic prints', async () => {
    const original = await filled('lines');
    for (const argv of [[], ['-v'], ['-q']]) {
      const name = argv.join(' ');
      const [ours, theirs] = [await stage.repository(`ours ${name}`), await stage.repository(`theirs ${name}`)];
      for (const _again of [false, true]) {
        const lines = (program: Program, target: string): string[] =>
          copied(program, original, target, ...argv, 'latest')
            .replaceAll(/(saved, |copied to )?snapshot [0-9a-f]{8}( saved)?/g, (text) =>
              text.replace(/[0-9a-f]{8}/, 'ID'),
            )
            .replaceAll(clock, '[0:00]')
            .split('\n');
        assert.deepEqual(lines('coffre', ours), lines('new', theirs), argv.join(' '));
      }
    }
  });

  test('with --json it says what it did in messages', async () => {
    const original = await filled('json');
    const target = await stage.repository('json target');
    const messages = (...argv: string[]): Record<string, unknown>[] =>
      copied('coffre', original, target, '--json', ...argv)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    const dry = messages('--dry-run').at(-1);
    assert.equal(readdirSync(join(target, 'snapshots')).length, 0);
    const summary = messages().at(-1);
    assert.deepEqual(
      [summary?.['snapshots_copied'], summary?.['snapshots_failed'], summary?.['bytes']],
      [3, 0, dry?.['bytes']],
    );
    assert.deepEqual(
      messages().map((message) => message['message_type']),
      ['skipped', 'skipped', 'skipped', 'summary'],
    );
  });

  test('another password, and the cuts of the source: a backup into the copy stores nothing twice', async () => {
    const original = await filled('cuts');
    const target = join(stage.folder, 'cut alike');
    const secret = { environment: { ...environment, RESTIC_PASSWORD: 'another one' } };
    stage.ok('coffre', target, ['init', '--copy-chunker-params', '--from-repo', original], secret);
    stage.ok('coffre', target, ['copy', '--from-repo', original], secret);
    for (const program of ['coffre', 'new'] as const) {
      const lines = stage.ok(program, target, ['backup', '--json', '--force', source], secret).trim().split('\n');
      const { data_blobs: blobs } = JSON.parse(lines.at(-1) ?? '') as { data_blobs: number };
      assert.equal(blobs, 0, program);
    }
    stage.ok('new', target, ['check', '--read-data'], secret);
  });

  test('what cannot be done ends as with restic', async () => {
    const original = await filled('failing');
    const target = await stage.repository('failing target');
    const outcome = (program: Program, argv: readonly string[], more = {}): [number, string | undefined] => {
      const ran = stage.run(program, target, argv, { environment: { ...environment, ...more } });
      return [ran.code, ran.stderr.split('\n')[0]];
    };
    for (const [argv, more] of [
      [['copy']],
      [['copy', '--from-repo', original, 'feedfeed']],
      [['copy', '--from-repo', original], { RESTIC_FROM_PASSWORD: 'wrong' }],
    ] as const) {
      assert.deepEqual(outcome('coffre', argv, more), outcome('new', argv, more), argv.join(' '));
    }
    const nowhere = ['copy', '--from-repo', join(stage.folder, 'nowhere')];
    assert.equal(outcome('coffre', nowhere)[0], outcome('new', nowhere)[0]);
  });

  test('a damaged pack costs the snapshot that needs it; the others arrive, and the end says so', async () => {
    const original = await filled('damaged');
    const damaged = join(stage.folder, 'damaged copy');
    cpSync(original, damaged, { recursive: true });
    stage.ok('coffre', damaged, ['forget', 'latest']);
    const [, second] = snapshotsIn(stage, 'new', original);
    assert.ok(second);
    const pack = packOf(damaged, second.id);
    chmodSync(pack, 0o600);
    const bytes = readFileSync(pack);
    bytes.fill(0x55, 100, 400);
    writeFileSync(pack, bytes);
    const target = await stage.repository('damaged target');
    const ran = copy('coffre', damaged, target, '--json');
    assert.equal(ran.code, 1);
    assert.equal(failureOf(ran).error_code, 'COPY_INCOMPLETE');
    assert.match(ran.stderr, new RegExp(`"source_snapshot_id":"${second.id}"`));
    assert.match(ran.stderr, /changing/);
    stage.ok('new', target, ['check', '--read-data']);
    assert.equal(snapshotsIn(stage, 'new', target).length, 1);
    // The undamaged original completes it.
    copied('coffre', original, target);
    stage.ok('new', target, ['check', '--read-data']);
    assert.equal(snapshotsIn(stage, 'new', target).length, 3);
  });

  /** Of the file that only this snapshot holds. */
  function packOf(repository: string, snapshotId: string): string {
    const found = stage.ok('new', repository, ['ls', '--json', snapshotId, join(source, 'changing')]);
    assert.match(found, /changing/);
    const tree = JSON.parse(stage.ok('new', repository, ['cat', 'tree', `${snapshotId}:${source}`])) as {
      nodes: { name: string; content: string[] | null }[];
    };
    const blob = tree.nodes.find(({ name }) => name === 'changing')?.content?.[0];
    assert.ok(blob);
    const line = stage.ok('new', repository, ['find', '--blob', '--show-pack-id', blob]);
    const pack = /in pack ([0-9a-f]{64})/.exec(line)?.[1] ?? /[Oo]bject belongs to pack ([0-9a-f]{64})/.exec(line)?.[1];
    assert.ok(pack, line);
    return join(repository, 'data', pack.slice(0, 2), pack);
  }
});

describe('migrate', { skip: skipWithoutBoth }, () => {
  const stage = createStage();
  after(() => stage[Symbol.dispose]());

  test('it lists, applies and refuses as restic does, and restic works with the result', async () => {
    const folder = join(stage.folder, 'source');
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), 'content '.repeat(1000));
    const ours = await stage.repository('ours', 1);
    stage.ok('old', ours, ['backup', folder]);
    const theirs = join(stage.folder, 'theirs');
    cpSync(ours, theirs, { recursive: true });
    const outcome = (program: Program, path: string, argv: readonly string[]): [number, string] => {
      const ran = stage.run(program, path, ['migrate', ...argv]);
      const lines = ran.stdout.split('\n').filter((line) => !line.includes('temporary cache'));
      return [ran.code, lines.join('\n').replaceAll(clock, '[0:00]')];
    };
    const apply = ['upgrade_repo_v2'];
    for (const argv of [[], ['bogus'], apply, [], apply, ['--force', ...apply]]) {
      assert.deepEqual(outcome('coffre', ours, argv), outcome('new', theirs, argv), argv.join(' '));
    }
    stage.ok('new', ours, ['backup', folder, '--force']);
    stage.ok('new', ours, ['check', '--read-data']);
    stage.ok('coffre', ours, ['check', '--read-data']);
    assert.equal((JSON.parse(stage.ok('new', ours, ['cat', 'config'])) as { version: number }).version, 2);
    assert.equal(statSync(join(ours, 'config')).isFile(), true);
    assert.ok(newRestic);
  });
});
