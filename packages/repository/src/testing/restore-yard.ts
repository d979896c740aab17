/** A place to try hostile restores: a target with things around it that must stay as they are. */
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toByteString } from '../format/bytestring.ts';
import type { BlobId } from '../ids.ts';
import type { BlobWriter } from '../index/blob-writer.ts';
import type { IndexedRepository } from '../index/indexed-repository.ts';
import type { RestoreOptions } from '../restore/options.ts';
import type { RestoreEvent } from '../restore/report.ts';
import { restore, type RestoreResult } from '../restore/restore.ts';
import { createSampleRepository, saveSampleTree, type SampleTree } from './sample-repository.ts';

export type Yard = Disposable & {
  readonly target: string;
  readonly outside: string;
  assertUntouched(): void;
};

export function makeYard(): Yard {
  const yard = mkdtempSync(join(tmpdir(), 'coffre-yard-'));
  const target = join(yard, 'target');
  const outside = join(yard, 'outside');
  mkdirSync(target);
  mkdirSync(outside);
  writeFileSync(join(outside, 'precious'), 'precious');
  writeFileSync(join(yard, 'precious'), 'precious');
  const look = (): unknown[] =>
    ['.', 'outside', 'outside/precious', 'precious'].map((path) => {
      const { mode, uid, mtimeMs, nlink } = lstatSync(join(yard, path));
      return path === '.' ? [mode, uid] : [mode, uid, mtimeMs, nlink];
    });
  const before = look();
  return {
    target,
    outside,
    assertUntouched() {
      assert.deepEqual(new Set(readdirSync(yard)), new Set(['outside', 'precious', 'target']));
      assert.deepEqual(readdirSync(outside), ['precious']);
      assert.equal(readFileSync(join(outside, 'precious'), 'utf8'), 'precious');
      assert.equal(readFileSync(join(yard, 'precious'), 'utf8'), 'precious');
      assert.deepEqual(look(), before);
    },
    [Symbol.dispose]: () => rmSync(yard, { recursive: true, force: true }),
  };
}

export type SavedTree = { readonly indexed: IndexedRepository; readonly tree: BlobId };

export async function saveTree(build: SampleTree | ((writer: BlobWriter) => Promise<BlobId>)): Promise<SavedTree> {
  const { repository } = await createSampleRepository();
  const writer = (await repository.loadIndex()).openWriter();
  const tree = typeof build === 'function' ? await build(writer) : await saveSampleTree(writer, build);
  await writer.flush();
  return { indexed: await repository.loadIndex(), tree };
}

export type Attempt = {
  readonly result: RestoreResult | undefined;
  readonly error: unknown;
  /** Paths for which an error was reported. */
  readonly failed: readonly string[];
};

export async function attemptRestore(
  { indexed, tree }: SavedTree,
  target: string,
  options: Partial<RestoreOptions> = {},
): Promise<Attempt> {
  const failed: string[] = [];
  const report = (event: RestoreEvent): void => {
    if (event.kind === 'error') failed.push(event.path);
  };
  try {
    const result = await restore(indexed, { tree, target: toByteString(target), report, ...options });
    return { result, error: undefined, failed };
  } catch (error) {
    return { result: undefined, error, failed };
  }
}
