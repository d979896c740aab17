/** What writes, each program on a repository of its own: the same lines, the same messages with the same keys, the same ends. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skipWithout } from '../peers.ts';
import { createWorld, firstWords, messages, restic, shapes, withoutChance } from './cli-programs.ts';
import type { Run, RunOptions, World } from './cli-programs.ts';

describe('writing says and does what restic says and does', { skip: skipWithout(restic, 'restic 0.19') }, () => {
  let world: World;
  let ours: string;
  let theirs: string;

  before(async () => {
    world = await createWorld();
    ours = world.copy('ours');
    theirs = world.copy('theirs');
  });

  after(() => world[Symbol.dispose]());

  /** Both programs, each on its own repository. */
  function both(argv: readonly string[], options: RunOptions = {}): { ours: Run; theirs: Run } {
    return {
      ours: world.coffre(['-r', ours, ...argv], options),
      theirs: world.restic(['-r', theirs, ...argv], options),
    };
  }

  function sameLines(argv: readonly string[], options: RunOptions & { anyOrder?: boolean } = {}): void {
    const { anyOrder = false, ...runOptions } = options;
    const run = both(argv, runOptions);
    const ordered = (text: string): string => (anyOrder ? text.split('\n').toSorted().join('\n') : text);
    const clean = (text: string): string =>
      ordered(withoutChance(text).replaceAll(ours, '<repo>').replaceAll(theirs, '<repo>'));
    assert.equal(clean(run.ours.stdout), clean(run.theirs.stdout));
    assert.equal(clean(firstWords(run.ours.stderr)), clean(run.theirs.stderr));
    assert.equal(run.ours.code, run.theirs.code);
  }

  /** Ours may have keys more, never fewer. */
  function sameShapes(argv: readonly string[], options: RunOptions = {}): { ours: Run; theirs: Run } {
    const run = both(argv, options);
    for (const stream of ['stdout', 'stderr'] as const) {
      const [mine, wanted] = [shapes(run.ours[stream]), shapes(run.theirs[stream])];
      for (const [type, keys] of Object.entries(wanted)) {
        if (type === 'status') continue;
        const missing = keys.filter((key) => mine[type]?.includes(key) !== true);
        assert.deepEqual(missing, [], `${stream} ${type} of ${argv.join(' ')}`);
      }
    }
    assert.equal(run.ours.code, run.theirs.code, run.ours.stderr);
    return run;
  }

  /** Sizes of packed data differ: our compressor is another one. */
  function sameLinesButSizes(argv: readonly string[]): void {
    const run = both(argv);
    // As parent of a stream restic takes the newest snapshot of any folder, Coffre the last of the same stream.
    const parent = argv.includes('--stdin-from-command') ? /^.*parent snapshot.*\n/ : /^$/;
    const clean = (text: string): string =>
      withoutChance(text)
        .replace(/: [\d.]+ \w+ +\([\d.]+ \w+ +stored\)/g, ': <sizes>')
        .replace(parent, '');
    assert.equal(clean(run.ours.stdout), clean(run.theirs.stdout));
    assert.equal(run.ours.code, run.theirs.code, run.ours.stderr);
  }

  test('a first, an unchanged and a changed backup', () => {
    sameLinesButSizes(['backup', 'source']);
    sameLinesButSizes(['backup', 'source']);
    appendFileSync(join(world.source, 'b.txt'), 'more\n');
    sameLinesButSizes(['backup', '--verbose', '--no-scan', 'source']);
    sameLinesButSizes(['backup', '--dry-run', 'source', '--exclude', 'big.bin']);
    sameLines(['backup', '--skip-if-unchanged', 'source']);
    sameLines(['backup', '--quiet', 'source', '--tag', 'a', '--tag', 'b,c']);
    sameLines(['backup', 'source', 'not-there']);
  });

  test('the messages of a backup', () => {
    writeFileSync(join(world.source, 'new'), 'new');
    const { ours: mine, theirs: wanted } = sameShapes(['backup', '--json', '-vv', 'source']);
    const items = (run: Run): string[] =>
      messages(run.stdout).flatMap((one) =>
        one['message_type'] === 'verbose_status' ? [`${String(one['action'])} ${String(one['item'])}`] : [],
      );
    assert.deepEqual(items(mine).sort(), items(wanted).sort());
    const counts = (run: Run): unknown[] => {
      const summary = messages(run.stdout).at(-1) ?? {};
      return [
        'files_new',
        'files_changed',
        'files_unmodified',
        'dirs_new',
        'dirs_changed',
        'total_files_processed',
        'total_bytes_processed',
        'data_blobs',
      ].map((key) => summary[key]);
    };
    assert.deepEqual(counts(mine), counts(wanted));
    sameShapes(['backup', '--json', 'source', 'not-there']);
    sameShapes(['backup', '--json', '--skip-if-unchanged', 'source']);
  });

  test('status messages come when the clock ticks, with keys that restic has', () => {
    const argv = ['backup', '--json', '--stdin-from-command', '--', 'sh', '-c', 'head -c 100000 /dev/zero; sleep 0.7'];
    const run = both(argv);
    const [mine, wanted] = [shapes(run.ours.stdout)['status'] ?? [], shapes(run.theirs.stdout)['status'] ?? []];
    const known = new Set([
      'message_type',
      'seconds_elapsed',
      'seconds_remaining',
      'percent_done',
      'total_files',
      'files_done',
      'total_bytes',
      'bytes_done',
      'error_count',
      'current_files',
    ]);
    assert.ok(mine.includes('percent_done') && mine.includes('current_files'), mine.join());
    assert.deepEqual(
      mine.filter((key) => !known.has(key)),
      [],
    );
    assert.ok(wanted.includes('percent_done'));
  });

  test('what a command prints is saved whole, and its failure saves nothing', () => {
    const before = world.restic(['-r', ours, 'list', 'snapshots']).stdout.split('\n').length;
    sameLinesButSizes(['backup', '--stdin-from-command', '--stdin-filename', 'db/dump.sql', '--', 'echo', 'hello']);
    const dumped = world.restic(['-r', ours, 'dump', 'latest', '/db/dump.sql']).stdout;
    assert.equal(dumped, 'hello\n');
    for (const script of ['echo part; exit 3', 'kill -9 $$']) {
      const run = both(['backup', '--stdin-from-command', '--', 'sh', '-c', script]);
      assert.deepEqual([run.ours.code, run.theirs.code], [1, 1]);
      assert.match(run.ours.stderr, /^Fatal: unable to save snapshot: command failed: /m);
    }
    sameLines(['backup', '--quiet', '--stdin'], { input: 'from a pipe\n' });
    assert.equal(world.restic(['-r', ours, 'dump', 'latest', '/stdin']).stdout, 'from a pipe\n');
    assert.equal(world.restic(['-r', ours, 'list', 'snapshots']).stdout.split('\n').length, before + 2);
    const talks = both(['backup', '--stdin-from-command', '--', 'sh', '-c', 'echo one >&2; printf two >&2; echo data']);
    assert.equal(talks.ours.stderr, 'subprocess sh: one\nsubprocess sh: two\n');
    assert.equal(talks.theirs.stderr, talks.ours.stderr);
  });

  test('an empty input is an incomplete backup', () => {
    const run = both(['backup', '--stdin-from-command', '--', 'true']);
    assert.deepEqual([run.ours.code, run.theirs.code], [3, 3]);
    assert.match(run.ours.stderr, /no data read/);
  });

  test('restore: the same summary, messages and files', () => {
    const latest = ['latest', '--path', world.source];
    for (const more of [[], ['--verify'], ['--dry-run'], ['--quiet'], ['--delete']]) {
      const target = join(world.folder, `target${more.join('')}`);
      const clean = (text: string): string => withoutChance(text).replaceAll('-ours', '').replaceAll('-theirs', '');
      const [mine, wanted] = [
        world.coffre(['-r', ours, 'restore', ...latest, '--target', `${target}-ours`, ...more]),
        world.restic(['-r', theirs, 'restore', ...latest, '--target', `${target}-theirs`, ...more]),
      ];
      assert.equal(clean(mine.stdout), clean(wanted.stdout), more.join());
      assert.deepEqual([mine.code, mine.stderr], [wanted.code, wanted.stderr]);
    }
    const json = (program: World['coffre'], repository: string, name: string): Run =>
      program([
        '-r',
        repository,
        'restore',
        '--json',
        '-vv',
        ...latest,
        '--target',
        join(world.folder, name),
        '--include',
        'sub',
      ]);
    const [mine, wanted] = [json(world.coffre, ours, 'json-ours'), json(world.restic, theirs, 'json-theirs')];
    // A status comes when some time has passed, so whether there is one is chance; what it holds is compared elsewhere.
    const lasting = (text: string): string[] => text.split('\n').filter((line) => !line.includes('"status"'));
    assert.deepEqual(shapes(lasting(mine.stdout).join('\n')), shapes(lasting(wanted.stdout).join('\n')));
    const actions = (text: string): string[] =>
      messages(lasting(text).join('\n')).map(
        ({ action, item, size }) => `${String(action)} ${String(item)} ${String(size)}`,
      );
    assert.deepEqual(actions(mine.stdout).sort(), actions(wanted.stdout).sort());
    // What is deleted is named by its whole path, however the target was written.
    const deletions = (program: World['coffre'], repository: string): string[] => {
      writeFileSync(join(world.folder, 'target-ours', 'extra'), '');
      const argv = ['restore', '--json', '-vv', ...latest, '--delete', '--target', 'target-ours'];
      return actions(lasting(program(['-r', repository, ...argv]).stdout).join('\n')).filter((action) =>
        action.startsWith('deleted'),
      );
    };
    assert.deepEqual(deletions(world.coffre, ours), [`deleted ${join(world.folder, 'target-ours', 'extra')} 0`]);
    assert.deepEqual(deletions(world.restic, theirs), [`deleted ${join(world.folder, 'target-ours', 'extra')} 0`]);
  });

  test('dump prints a file and a folder', () => {
    const argv = ['latest', '--path', world.source];
    assert.equal(world.coffre(['-r', ours, 'dump', ...argv, '/source/sub/c.conf']).stdout, 'key = value\n');
    const tar = join(world.folder, 'sub.tar');
    assert.equal(world.coffre(['-r', ours, 'dump', ...argv, '/source/sub', '--target', tar]).code, 0);
    assert.match(readFileSync(tar).toString('latin1'), /deep\/d\.conf/);
  });

  test('tag, rewrite and forget', () => {
    sameLines(['tag', '--add', 'x,y', '--path', world.source]);
    sameLines(['tag', '--add', 'x', '--path', world.source]);
    sameLines(['tag', '--remove', 'nothing-has-it']);
    sameShapes(['tag', '--json', '--set', 'z', 'latest']);
    sameLines(['rewrite', '--exclude', 'big.bin', 'latest', '--path', world.source]);
    sameLines(['rewrite', '--forget', '--new-host', 'h2', '--new-time', '2020-01-02 03:04:05', 'latest']);
    sameLines(['forget', 'deadbeef']);
    sameLines(['forget', 'latest']);
    // A rewritten snapshot keeps its time; which of two equal ones comes first is left to chance, in restic too.
    sameLines(['forget', '--keep-last', '2', '--group-by', '', '--compact'], { anyOrder: true });
    sameLines(['forget', '--keep-last', '2', '--group-by', '', '--quiet']);
    sameShapes(['forget', '--keep-last', '1', '--group-by', '', '--json']);
  });

  test('keys are added, listed and removed', () => {
    const file = join(world.folder, 'new-password');
    writeFileSync(file, 'another one\n');
    sameLines(['key', 'add', '--new-password-file', file, '--user', 'bea', '--host', 'desk']);
    assert.equal(world.restic(['-r', ours, 'snapshots'], { environment: { RESTIC_PASSWORD: 'another one' } }).code, 0);
    const keys = JSON.parse(world.coffre(['-r', ours, 'key', 'list', '--json']).stdout) as {
      id: string;
      current: boolean;
      userName: string;
    }[];
    const added = keys.find(({ userName }) => userName === 'bea');
    assert.equal(
      world.coffre(['-r', ours, 'key', 'remove', added?.id.slice(0, 8) ?? '']).stdout,
      `removed key ${added?.id}\n`,
    );
    const passwd = world.coffre(['-r', ours, 'key', 'passwd', '--new-password-file', file]);
    assert.match(passwd.stdout, /^saved new key as /);
    assert.equal(world.restic(['-r', ours, 'snapshots'], { environment: { RESTIC_PASSWORD: 'another one' } }).code, 0);
    assert.equal(world.restic(['-r', ours, 'snapshots']).code, 12);
  });

  test('a new repository', () => {
    const [mine, wanted] = [join(world.folder, 'made-ours'), join(world.folder, 'made-theirs')];
    const made = [
      world.coffre(['-r', mine, 'init', '--json']),
      world.restic(['-r', wanted, 'init', '--json']),
    ] as const;
    assert.deepEqual(shapes(made[0].stdout), shapes(made[1].stdout));
    assert.ok(existsSync(join(mine, 'config')));
    assert.equal(world.restic(['-r', mine, 'check']).code, 0);
    const version = world.coffre(
      [
        '-r',
        join(world.folder, 'v1'),
        'init',
        '--repository-version',
        '1',
        '--copy-chunker-params',
        '--from-repo',
        mine,
      ],
      {
        environment: { RESTIC_FROM_PASSWORD: 'correct horse' },
      },
    );
    assert.match(
      version.stdout,
      /^created restic repository [0-9a-f]{10} at .*v1\n with chunker parameters copied from secondary repository\n/,
    );
    const config = (path: string): unknown => JSON.parse(world.restic(['-r', path, 'cat', 'config']).stdout);
    const [first, second] = [config(mine), config(join(world.folder, 'v1'))] as [
      { chunker_polynomial: string },
      { chunker_polynomial: string; version: number },
    ];
    assert.deepEqual([second.chunker_polynomial, second.version], [first.chunker_polynomial, 1]);
  });

  test('recover and unlock', () => {
    const environment = { RESTIC_PASSWORD: 'another one' };
    const recovered = world.coffre(['-r', ours, 'recover'], { environment });
    assert.match(recovered.stdout, /^found [1-9]\d* unreferenced roots\nsaved new snapshot [0-9a-f]{8}$/m);
    assert.equal(world.restic(['-r', ours, 'check', '--read-data'], { environment }).code, 0);
    assert.deepEqual(world.coffre(['-r', ours, 'unlock'], { environment }), { code: 0, stdout: '', stderr: '' });
  });
});
