/** Real folders, real events; a look through them is the net for those that get lost. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { compilePatterns, toByteString } from '@coffre/repository';
import { systemDaemonClock } from '../daemon-clock.ts';
import { PathWatch } from './path-watch.ts';
import { watchedPath } from './watched-place.ts';

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-watch-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

type Seen = Disposable & { next(act: () => void): Promise<void>; count: number };

/** `next` acts, and waits until that was noticed. */
function watched(path: string, scanEveryMs?: number, exclude: readonly string[] = []): Seen {
  const excluded = compilePatterns(exclude);
  let wake: () => void = () => undefined;
  const watch = new PathWatch(path, {
    clock: systemDaemonClock(),
    isIgnored: (changed) => excluded.matches(toByteString(changed)),
    onChange: () => {
      seen.count += 1;
      wake();
    },
    onTrouble: (error) => assert.fail(String(error)),
    ...(scanEveryMs !== undefined && { scanEveryMs }),
  });
  const seen: Seen = {
    count: 0,
    next: async (act) => {
      const before = seen.count;
      act();
      while (seen.count === before) await new Promise<void>((resolve) => (wake = resolve));
      // Several events of one act belong together.
      await pause(50);
    },
    [Symbol.dispose]: () => watch[Symbol.dispose](),
  };
  return seen;
}

describe('a change is noticed', () => {
  test('in a folder, in a new folder below it, and when something goes', async (t) => {
    const folder = scratch(t);
    using seen = watched(folder);
    await seen.next(() => writeFileSync(join(folder, 'a'), '1'));
    await seen.next(() => mkdirSync(join(folder, 'deep/er'), { recursive: true }));
    await seen.next(() => writeFileSync(join(folder, 'deep/er/b'), '1'));
    await seen.next(() => appendFileSync(join(folder, 'deep/er/b'), '2'));
    await seen.next(() => rmSync(join(folder, 'a')));
  });

  test('in a file that is replaced by renaming another over it, again and again', async (t) => {
    const folder = scratch(t);
    const file = join(folder, 'state.toml');
    writeFileSync(file, 'a = 1\n');
    using seen = watched(file);
    for (const text of ['a = 2\n', 'a = 3\n', 'a = 4\n']) {
      await seen.next(() => {
        writeFileSync(`${file}.new`, text);
        renameSync(`${file}.new`, file);
      });
    }
    await seen.next(() => writeFileSync(`${file}-wal`, 'x'));
    const before = seen.count;
    writeFileSync(join(folder, 'neighbour'), 'x');
    await pause(100);
    assert.equal(seen.count, before);
  });

  test('in a folder that appears later, goes, and comes back', async (t) => {
    const folder = join(scratch(t), 'not/yet');
    using seen = watched(folder);
    await seen.next(() => mkdirSync(folder, { recursive: true }));
    await seen.next(() => writeFileSync(join(folder, 'a'), '1'));
    await seen.next(() => rmSync(folder, { recursive: true }));
    await seen.next(() => mkdirSync(folder, { recursive: true }));
    await seen.next(() => writeFileSync(join(folder, 'b'), '1'));
  });

  test('where a pattern fits, and not beside it', async (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, 'shop/state'), { recursive: true });
    using seen = watched(join(folder, '*/state/*.toml'));
    await seen.next(() => writeFileSync(join(folder, 'shop/state/a.toml'), 'a = 1'));
    await pause(100);
    const before = seen.count;
    writeFileSync(join(folder, 'shop/state/a.log'), 'x');
    await pause(100);
    assert.equal(seen.count, before);
  });

  test('but not in what is not saved', async (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, 'cache/deep'), { recursive: true });
    using seen = watched(folder, undefined, ['*.log', join(folder, 'cache')]);
    await pause(100);
    writeFileSync(join(folder, 'a.log'), 'x');
    writeFileSync(join(folder, 'cache/deep/a'), 'x');
    await pause(200);
    assert.equal(seen.count, 0);
    await seen.next(() => writeFileSync(join(folder, 'a'), 'x'));
  });

  test('by looking, when no event says so', async (t) => {
    const folder = scratch(t);
    const file = join(folder, 'a');
    writeFileSync(file, '1');
    using seen = watched(folder, 20);
    await pause(60);
    assert.equal(seen.count, 0);
    await seen.next(() => writeFileSync(file, '22'));
  });
});

test('a file is listened to through its folder, a pattern through what stands before it', () => {
  assert.deepEqual(
    [watchedPath('/srv/a.db', 'file'), watchedPath('/srv/*/x', 'missing'), watchedPath('/srv', 'folder')].map(
      ({ folder, recursive }) => [folder, recursive],
    ),
    [
      ['/srv', false],
      ['/srv', true],
      ['/srv', true],
    ],
  );
});
