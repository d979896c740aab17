/** Real repositories, kind and hostile ones. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { findProgram } from '../../platform/find-program.ts';
import { contextIn, everyStep, savedAs, saveInMemory } from '../testing/saved.ts';
import { BundleScan } from './bundle-scan.ts';
import { git } from './git.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-git-source-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const temporary = join(folder, 'tmp');
mkdirSync(temporary);
const context = contextIn(temporary);
const hasGit = findProgram('git', context.searchPath) !== undefined;

function run(place: string, ...words: string[]): string {
  const environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'ann@example.org',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'ann@example.org',
  };
  const all = ['-C', place, '-c', 'safe.directory=*', ...words];
  return execFileSync('git', all, { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

function repository(name: string, ...words: string[]): string {
  const path = join(folder, name);
  mkdirSync(path);
  run(path, 'init', '--quiet', '--initial-branch=main', ...words);
  return path;
}

function commit(path: string, text: string): string {
  writeFileSync(join(path, 'file'), text);
  run(path, 'add', 'file');
  run(path, 'commit', '--quiet', '-m', text);
  return run(path, 'rev-parse', 'HEAD');
}

const refsOf = (path: string): string => run(path, 'for-each-ref', '--format=%(objectname) %(refname)');
const target = (to: string, overwrite = false) => ({ to, overwrite, only: [], settings: undefined });

describe('git', { skip: hasGit ? false : 'git is not installed' }, () => {
  for (const format of ['sha1', 'sha256']) {
    test(`${format}: every branch, tag, note and stash comes back, with hostile names, in a work tree again`, async () => {
      const live = repository(`it's "live" $(touch x) -rf ${format}`, `--object-format=${format}`);
      commit(live, 'one');
      const second = commit(live, 'two');
      run(live, 'tag', '-a', 'v1', '-m', 'first');
      run(live, 'tag', 'of-a-blob', run(live, 'hash-object', '-w', 'file'));
      run(live, 'update-ref', 'refs/heads/$(id)"quoted"-é', second);
      run(live, 'notes', 'add', '-m', 'a note');
      writeFileSync(join(live, 'file'), 'unfinished');
      run(live, 'stash', '--quiet');
      const saved = await saveInMemory(git, { name: 'code', path: live }, context);
      const { differences, passed, proved } = await git.verify(saved, context, everyStep);
      assert.deepEqual(differences, []);
      assert.deepEqual(passed, ['archive', 'open', 'schema', 'row_counts']);
      assert.match(proved.join(), /6 references and \d+ objects as saved/);
      const loaded = join(folder, `loaded ${format}`);
      assert.equal(await git.load(saved, target(loaded), context), loaded);
      assert.equal(refsOf(loaded), refsOf(live));
      assert.equal(readFileSync(join(loaded, 'file'), 'utf8'), 'two');
      assert.equal(run(loaded, 'symbolic-ref', 'HEAD'), 'refs/heads/main');
      assert.equal(run(loaded, 'stash', 'list').split('\n').length, 1);
      await assert.rejects(git.load(saved, target(loaded), context), /is there already/);
      assert.deepEqual(git.differences(saved.truth, await git.present({ name: 'code', path: live }, context)), []);
      const third = commit(live, 'three');
      const said = git.differences(saved.truth, await git.present({ name: 'code', path: live }, context));
      assert.deepEqual(said, [`refs/heads/main is at ${third.slice(0, 12)} instead of ${second.slice(0, 12)}`]);
      assert.deepEqual(readdirSync(temporary), []);
    });
  }

  test('an unchanged repository gives the same bytes', async () => {
    const live = repository('same');
    for (let at = 0; at < 30; at += 1) commit(live, `text ${at} `.repeat(at * 10 + 1));
    const [first, second] = [
      await saveInMemory(git, { name: 'code', path: live }, context),
      await saveInMemory(git, { name: 'code', path: live }, context),
    ];
    assert.deepEqual([...first.contents], [...second.contents]);
  });

  test('bare, empty and detached repositories are what they were', async () => {
    const empty = repository('empty');
    const nothing = await saveInMemory(git, { name: 'code', path: empty }, context);
    assert.deepEqual((await git.verify(nothing, context, everyStep)).differences, []);
    await git.load(nothing, target(join(folder, 'empty again')), context);
    assert.equal(run(join(folder, 'empty again'), 'symbolic-ref', 'HEAD'), 'refs/heads/main');
    const bare = join(folder, 'bare.git');
    const live = repository('detached');
    const first = commit(live, 'one');
    commit(live, 'two');
    run(live, 'checkout', '--quiet', '--detach', first);
    const lonely = commit(live, 'on no branch');
    run(folder, 'clone', '--quiet', '--bare', live, bare);
    for (const [path, isBare] of [
      [live, 'false'],
      [bare, 'true'],
    ] as const) {
      const saved = await saveInMemory(git, { name: 'code', path }, context);
      const loaded = `${path} loaded`;
      await git.load(saved, target(loaded), context);
      assert.equal(run(loaded, 'rev-parse', '--is-bare-repository'), isBare);
      assert.equal(run(loaded, 'rev-parse', 'HEAD'), lonely);
    }
  });

  test('a shallow clone, a submodule and LFS are told; a partial clone and what is no repository are refused', async () => {
    const live = repository('whole');
    for (const text of ['one', 'two', 'three']) commit(live, text);
    const shallow = join(folder, 'shallow');
    run(folder, 'clone', '--quiet', '--depth=1', `file://${live}`, shallow);
    mkdirSync(join(shallow, '.git', 'lfs'));
    writeFileSync(join(shallow, '.gitmodules'), '');
    const { warnings } = await git.preflight({ name: 'code', path: shallow }, context, undefined);
    assert.equal(warnings.length, 3);
    const saved = await saveInMemory(git, { name: 'code', path: shallow }, context);
    assert.deepEqual((await git.verify(saved, context, everyStep)).differences, []);
    await git.load(saved, target(join(folder, 'shallow again')), context);
    assert.equal(run(join(folder, 'shallow again'), 'rev-list', '--count', 'HEAD'), '1');
    run(live, 'config', 'extensions.partialClone', 'origin');
    await assert.rejects(git.preflight({ name: 'code', path: live }, context, undefined), /partial clone/);
    run(live, 'config', '--unset', 'extensions.partialClone');
    mkdirSync(join(live, 'inside'));
    await assert.rejects(git.preflight({ name: 'x', path: join(live, 'inside') }, context, undefined), /is no git/);
    await assert.rejects(git.preflight({ name: 'x', path: join(live, 'gone') }, context, undefined), /there is no/);
    assert.deepEqual((await git.quickCheck({ name: 'x', path: live }, context)).passed, ['open']);
  });

  test('nothing that a hostile repository names is run, neither now nor after it was loaded', async () => {
    const live = repository('hostile');
    const proof = join(folder, 'hacked');
    const program = join(folder, 'attack');
    writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> '${proof}'\ncat\n`);
    chmodSync(program, 0o755);
    writeFileSync(join(live, '.gitattributes'), '* filter=bad diff=bad merge=bad\n');
    run(live, 'add', '.gitattributes');
    commit(live, 'one');
    for (const key of [
      'core.fsmonitor',
      'core.sshCommand',
      'core.editor',
      'core.pager',
      'core.askPass',
      'core.gitProxy',
      'core.alternateRefsCommand',
      'uploadpack.packObjectsHook',
      'filter.bad.clean',
      'filter.bad.smudge',
      'filter.bad.process',
      'diff.external',
      'diff.bad.textconv',
      'diff.bad.command',
      'merge.bad.driver',
      'gpg.program',
      'credential.helper',
      'pager.for-each-ref',
      'alias.bundle',
      'alias.fetch',
      'remote.origin.uploadpack',
    ]) {
      run(live, 'config', key, key.startsWith('alias.') ? `!${program}` : program);
    }
    run(live, 'config', 'remote.origin.url', `ext::${program}`);
    run(live, 'config', 'remote.origin.promisor', 'true');
    run(live, 'config', 'core.hooksPath', folder);
    for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout', 'pre-auto-gc', 'post-update']) {
      for (const place of [join(folder, hook), join(live, '.git', 'hooks', hook)]) {
        writeFileSync(place, readFileSync(program), { mode: 0o755 });
      }
    }
    const saved = await saveInMemory(git, { name: 'code', path: live }, context);
    assert.deepEqual((await git.verify(saved, context, everyStep)).differences, []);
    await git.quickCheck({ name: 'code', path: live }, context);
    await git.present({ name: 'code', path: live }, context);
    const loaded = join(folder, 'hostile again');
    await git.load(saved, target(loaded), context);
    run(loaded, 'status');
    run(loaded, 'gc', '--quiet');
    assert.equal(existsSync(proof), false);
    assert.deepEqual(readdirSync(join(loaded, '.git', 'saved-by-coffre')), [
      'config',
      'description',
      'exclude',
      'hooks',
    ]);
    assert.match(readFileSync(join(loaded, '.git', 'saved-by-coffre', 'config'), 'utf8'), /ext::/);
    assert.equal(existsSync(join(loaded, '.git', 'hooks')), false);
    run(live, 'status');
    assert.equal(existsSync(proof), true, 'the attack is one');
  });

  test('links in the folder of a repository lead to nothing that is saved', async () => {
    const live = repository('links');
    commit(live, 'one');
    rmSync(join(live, '.git', 'hooks'), { recursive: true, force: true });
    symlinkSync('/etc', join(live, '.git', 'hooks'));
    rmSync(join(live, '.git', 'description'));
    symlinkSync('/etc/hostname', join(live, '.git', 'description'));
    const saved = await saveInMemory(git, { name: 'code', path: live }, context);
    const names = [...saved.contents.keys()].map((path) => path.slice('/sources/code/'.length)).toSorted();
    assert.deepEqual(names, ['all.bundle', 'config', 'info/exclude']);
  });

  test('missing objects fail the backup; cut off or bent, a bundle is never taken for whole', async () => {
    const live = repository('torn');
    const first = commit(live, 'one');
    commit(live, 'two');
    const saved = await saveInMemory(git, { name: 'code', path: live }, context);
    const path = '/sources/code/all.bundle';
    const bundle = saved.contents.get(path) ?? Buffer.alloc(0);
    const isWhole = (bytes: Uint8Array): boolean => {
      const scan = new BundleScan();
      try {
        for (let at = 0; at < bytes.length; at += 13) scan.push(bytes.subarray(at, at + 13));
        scan.end();
        return true;
      } catch {
        return false;
      }
    };
    assert.equal(isWhole(bundle), true);
    for (let cut = 0; cut < bundle.length; cut += 1) assert.equal(isWhole(bundle.subarray(0, cut)), false);
    const torn = savedAs(git, 'code', saved.truth, new Map([...saved.contents, [path, bundle.subarray(0, -30)]]));
    assert.match((await git.verify(torn, context, everyStep)).differences.join(), /cut off/);
    await assert.rejects(git.load(torn, target(join(folder, 'never')), context), /cut off/);
    assert.equal(existsSync(join(folder, 'never')), false);
    rmSync(join(live, '.git', 'objects', first.slice(0, 2), first.slice(2)), { force: true });
    await assert.rejects(saveInMemory(git, { name: 'code', path: live }, context), /exit code/);
    assert.deepEqual(readdirSync(temporary), []);
    assert.equal(
      readdirSync(folder).some((name) => name.includes('.coffre-')),
      false,
    );
  });
});
