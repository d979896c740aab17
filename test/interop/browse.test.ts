/** The read side against restic's own answers, on a repository that restic wrote. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createLocalBackend } from '../../packages/repository/src/backend/local.ts';
import { diffTrees } from '../../packages/repository/src/browse/diff.ts';
import { findObjects, type FoundObject } from '../../packages/repository/src/browse/find-objects.ts';
import { findFiles } from '../../packages/repository/src/browse/find.ts';
import { listTree } from '../../packages/repository/src/browse/ls.ts';
import { newestFirst } from '../../packages/repository/src/browse/select.ts';
import { measure, statsModes } from '../../packages/repository/src/browse/stats.ts';
import { findFolder } from '../../packages/repository/src/browse/walk.ts';
import { toByteString, toText, type ByteString } from '../../packages/repository/src/format/bytestring.ts';
import { modeText } from '../../packages/repository/src/format/mode.ts';
import { timestampNs, parseTimestamp } from '../../packages/repository/src/format/time.ts';
import type { TreeNode } from '../../packages/repository/src/format/tree.ts';
import type { IndexedRepository } from '../../packages/repository/src/index/indexed-repository.ts';
import { openRepository, type StoredSnapshot } from '../../packages/repository/src/repository.ts';
import { compilePatterns } from '../../packages/repository/src/select/patterns.ts';
import {
  createSampleHost,
  createSampleRepository,
  samplePassword,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { findNewRestic } from '../peers/peers.ts';
import { runRestic, temporaryFolder } from './restic.ts';

const restic = findNewRestic();
const skip = restic === undefined ? 'restic 0.19 is not here' : false;

const folder = temporaryFolder();
const repositoryPath = join(folder.path, 'repository');
const source = join(folder.path, 'source');
let indexed: IndexedRepository;
let snapshots: StoredSnapshot[];

function ask(...argv: string[]): string {
  assert.ok(restic);
  const run = runRestic(restic.path, repositoryPath, argv);
  assert.equal(run.exitCode, 0, `restic ${argv.join(' ')}: ${run.stderr}`);
  return run.stdout;
}

function jsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}

function write(path: string, text: string | Buffer): void {
  writeFileSync(join(source, path), text);
}

function makeSource(): void {
  for (const path of ['docs/deep/deeper', 'logs', 'empty', 'moved', 'turns'])
    mkdirSync(join(source, path), { recursive: true });
  write('docs/readme.md', 'read me');
  write('docs/deep/Notes.TXT', 'notes');
  write('docs/deep/deeper/copy of readme.md', 'read me');
  write('docs/ünï"\\code\n.md', 'odd name');
  write('logs/a.log', 'first line\n');
  write('logs/b.log', '');
  write('large.bin', Buffer.alloc(3_000_000, 'pattern of bytes '));
  write('moved/here', 'moves');
  write('turns/file', 'becomes a folder');
  linkSync(join(source, 'logs/a.log'), join(source, 'logs/hard link'));
  symlinkSync('docs/readme.md', join(source, 'link'));
  execFileSync('mkfifo', [join(source, 'queue')]);
  utimesSync(join(source, 'docs/readme.md'), 1_600_000_000, 1_600_000_000);
}

function changeSource(): void {
  write('logs/a.log', 'first line\nsecond line\n');
  write('logs/new.log', 'new');
  rmSync(join(source, 'moved'), { recursive: true });
  mkdirSync(join(source, 'added/inside'), { recursive: true });
  write('added/inside/here', 'moves');
  rmSync(join(source, 'turns/file'));
  mkdirSync(join(source, 'turns/file'));
  write('turns/file/inside', 'x');
  utimesSync(join(source, 'docs/deep/Notes.TXT'), 1_650_000_000, 1_650_000_000);
}

describe('what restic wrote', { skip }, () => {
  before(async () => {
    const sample = await createSampleRepository({ backend: createLocalBackend({ path: repositoryPath }) });
    await sample.repository[Symbol.asyncDispose]();
    makeSource();
    ask('backup', '--quiet', source);
    changeSource();
    ask('backup', '--quiet', '--tag', 'second', source);
    write('large.bin', Buffer.alloc(3_500_000, 'pattern of bytes '));
    ask('backup', '--quiet', '--host', 'other', source);
    const repository = await openRepository({
      backend: createLocalBackend({ path: repositoryPath }),
      host: createSampleHost(),
      password: samplePassword,
    });
    indexed = await repository.loadIndex();
    snapshots = newestFirst(await repository.listSnapshots());
  });
  after(async () => {
    await indexed.repository[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  type ResticNode = { [member: string]: unknown; path: string; mtime: string; size?: number };

  /** The members that both say, in one form. */
  function described(path: ByteString, node: TreeNode): { [member: string]: unknown } {
    return {
      path: toText(path),
      type: node.type,
      uid: node.uid,
      gid: node.gid,
      mode: node.mode ?? 0,
      permissions: modeText(node.mode ?? 0),
      inode: Number(node.inode ?? 0),
      mtime: timestampNs(node.mtime),
      size: node.type === 'file' ? Number(node.size ?? 0) : undefined,
    };
  }

  function describedByRestic({ path, type, uid, gid, mode, permissions, inode, mtime, size }: ResticNode) {
    const shownSize = type === 'file' ? (size ?? 0) : undefined;
    return {
      path,
      type,
      uid,
      gid,
      mode,
      permissions,
      inode,
      mtime: timestampNs(parseTimestamp(mtime)),
      size: shownSize,
    };
  }

  test('is listed entry by entry as restic lists it, whole, by folder and recursively', async () => {
    const cases: { folders: string[]; recursive?: boolean; subfolder?: string }[] = [
      { folders: [] },
      { folders: [`${source}/docs`] },
      { folders: [`${source}/docs`, `${source}/logs/`], recursive: true },
      { folders: ['/deep'], subfolder: `${source}/docs` },
    ];
    for (const { folders, recursive = false, subfolder } of cases) {
      const name = `${snapshots[0]!.id}${subfolder === undefined ? '' : `:${subfolder}`}`;
      const argv = ['ls', '--json', ...(recursive ? ['--recursive'] : []), name, ...folders];
      const theirs = jsonLines<ResticNode>(ask(...argv)).filter((line) => line['message_type'] === 'node');
      const ours: unknown[] = [];
      const root = await findFolder(indexed, snapshots[0]!.snapshot.tree, toByteString(subfolder ?? '/'));
      await listTree(indexed, root, { folders: folders.map(toByteString), recursive }, (event) => {
        if (event.kind === 'entry' && !event.isLeading) ours.push(described(event.path, event.node));
      });
      assert.ok(ours.length > 0);
      assert.deepEqual(ours, theirs.map(describedByRestic), argv.join(' '));
    }
  });

  test('is found by the patterns and times that find it in restic', async () => {
    const cases: { patterns: string[]; ignoreCase?: boolean; oldest?: string; newest?: string }[] = [
      { patterns: ['*.md'] },
      { patterns: ['notes.txt'], ignoreCase: true },
      { patterns: ['notes.txt'] },
      { patterns: [`${source}/logs/*`, 'deeper'] },
      { patterns: ['docs/**/*readme*'] },
      { patterns: ['*'], oldest: '2020-01-01', newest: '2023-01-01' },
      { patterns: ['nothing like this'] },
    ];
    for (const { patterns, ignoreCase = false, oldest, newest } of cases) {
      const argv = ['find', '--json', ...(ignoreCase ? ['-i'] : [])];
      if (oldest !== undefined) argv.push('--oldest', oldest);
      if (newest !== undefined) argv.push('--newest', newest);
      type Group = { snapshot: string; hits: number; matches: ResticNode[] };
      const theirs = (JSON.parse(ask(...argv, ...patterns)) as Group[]).flatMap(({ snapshot, matches }) =>
        matches.map((match) => ({ snapshot, ...describedByRestic(match) })),
      );
      const ours: unknown[] = [];
      const options = {
        patterns: compilePatterns(patterns, { ignoreCase }),
        ...(oldest !== undefined && { oldest: parseTimestamp(`${oldest}T00:00:00Z`) }),
        ...(newest !== undefined && { newest: parseTimestamp(`${newest}T00:00:00Z`) }),
      };
      await findFiles(indexed, snapshots, options, (event) => {
        assert.equal(event.kind, 'match');
        if (event.kind === 'match') ours.push({ snapshot: event.snapshot.id, ...described(event.path, event.node) });
      });
      assert.deepEqual(ours, theirs, argv.join(' '));
    }
  });

  test('is found by blob, tree and pack ids where restic finds it', async () => {
    const tree = await findFolder(indexed, snapshots[0]!.snapshot.tree, toByteString(`${source}/docs`));
    const readme = (await indexed.loadTree(tree)).find(({ name }) => name === 'readme.md')!.content![0]!;
    const pack = indexed.places('data', readme)[0]!.packId;
    type ResticObject = { object_type: string; id: string; path: string; parent_tree?: string; snapshot: string };
    const asText = (object: ResticObject): string =>
      [object.object_type, object.id, object.path, object.parent_tree ?? '', object.snapshot].join(' ');
    const ourObjects = async (wanted: Parameters<typeof findObjects>[2]): Promise<string[]> => {
      const found: FoundObject[] = [];
      await findObjects(indexed, snapshots, wanted, (event) => {
        if (event.kind === 'object') found.push(event);
      });
      return found.map(({ objectType, id, path, parentTree, snapshot }) =>
        asText({
          object_type: objectType,
          id,
          path: toText(path),
          snapshot: snapshot.id,
          ...(parentTree !== undefined && { parent_tree: parentTree }),
        }),
      );
    };
    const theirs = (...argv: string[]): string[] =>
      (JSON.parse(ask('find', '--json', ...argv)) as ResticObject[]).map(asText);
    assert.deepEqual(await ourObjects({ blobs: [readme] }), theirs('--blob', readme));
    assert.deepEqual(await ourObjects({ blobs: [readme.slice(0, 8)] }), theirs('--blob', readme.slice(0, 8)));
    assert.deepEqual(await ourObjects({ trees: [tree] }), theirs('--tree', tree));
    assert.deepEqual(await ourObjects({ packs: [pack] }), theirs('--pack', pack));
    assert.ok((await ourObjects({ packs: [pack.slice(0, 8)] })).length > 4);
  });

  test('differs between snapshots as restic says, with and without metadata, and to the last blob and byte', async () => {
    const [third, second, first] = snapshots as [StoredSnapshot, StoredSnapshot, StoredSnapshot];
    type Counts = {
      files: number;
      dirs: number;
      others: number;
      data_blobs: number;
      tree_blobs: number;
      bytes: number;
    };
    type Line = {
      message_type: string;
      path: string;
      modifier: string;
      changed_files: number;
      added: Counts;
      removed: Counts;
    };
    for (const [from, to] of [
      [first, second],
      [second, first],
      [second, third],
      [first, third],
      [first, first],
    ] as const) {
      for (const metadata of [false, true]) {
        const lines = jsonLines<Line>(ask('diff', '--json', ...(metadata ? ['--metadata'] : []), from.id, to.id));
        const ours: string[] = [];
        const statistics = await diffTrees(indexed, [from.snapshot.tree, to.snapshot.tree], { metadata }, (event) => {
          assert.equal(event.kind, 'change');
          if (event.kind === 'change') ours.push(`${event.modifier} ${toText(event.path)}`);
        });
        const changes = lines.filter((line) => line.message_type === 'change');
        assert.deepEqual(
          ours,
          changes.map(({ modifier, path }) => `${modifier} ${path}`),
        );
        const { changed_files, added, removed } = lines.at(-1)!;
        const named = ({ dataBlobs, treeBlobs, ...counts }: (typeof statistics)['added']) => ({
          ...counts,
          data_blobs: dataBlobs,
          tree_blobs: treeBlobs,
        });
        assert.equal(statistics.changedFiles, changed_files);
        assert.deepEqual([named(statistics.added), named(statistics.removed)], [added, removed]);
      }
    }
  });

  test('measures the same in every mode, for one snapshot and for all', async () => {
    type ResticStats = { [member: string]: number };
    for (const mode of statsModes) {
      for (const chosen of [snapshots, snapshots.slice(0, 1)]) {
        const theirs = JSON.parse(ask('stats', '--json', '--mode', mode, ...chosen.map(({ id }) => id))) as ResticStats;
        const ours = await measure(indexed, chosen, { mode });
        assert.deepEqual(
          {
            bytes: ours.totalBytes,
            files: ours.totalFileCount,
            blobs: ours.totalBlobCount,
            uncompressed: ours.uncompressedBytes,
            snapshots: ours.snapshotsCount,
          },
          {
            bytes: theirs['total_size'],
            files: theirs['total_file_count'] ?? 0,
            blobs: theirs['total_blob_count'] ?? 0,
            uncompressed: theirs['total_uncompressed_size'] ?? 0,
            snapshots: theirs['snapshots_count'],
          },
          mode,
        );
      }
    }
  });
});
