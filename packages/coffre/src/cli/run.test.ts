import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from './run.ts';
import { verbs } from './verbs.ts';
import type { OutputStream } from './output/terminal.ts';

function stream(): OutputStream & { text: () => string } {
  const chunks: string[] = [];
  return {
    write: (chunk) => chunks.push(chunk as string) > 0,
    once: () => undefined,
    off: () => undefined,
    text: () => chunks.join(''),
  };
}

async function run(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [stream(), stream()];
  const code = await runCli(argv, {
    environment: {},
    stdin: Object.assign((async function* () {})(), {
      on: () => undefined,
      off: () => undefined,
      resume: () => undefined,
      pause: () => undefined,
    }),
    stdout,
    stderr,
    signal: new AbortController().signal,
    ticker: { monotonicMs: () => performance.now(), onReportWanted: () => () => undefined },
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

test('every verb has help with its options, and help is no failure', async () => {
  for (const { name, hidden } of verbs) {
    const { code, stdout, stderr } = await run(name, '--help');
    assert.deepEqual([code, stderr], [0, ''], name);
    assert.match(stdout, new RegExp(`^Usage: coffre ${name}`), name);
    if (hidden !== true) assert.match((await run()).stdout, new RegExp(`^  ${name} `, 'm'));
  }
  assert.equal((await run('help', 'backup')).stdout, (await run('backup', '--help')).stdout);
});

test('the version is one line, or one message', async () => {
  assert.match((await run('version')).stdout, /^coffre \d+\.\d+\.\d+ on Node 26\./);
  const message = JSON.parse((await run('--json', 'version')).stdout) as Record<string, unknown>;
  assert.equal(message['message_type'], 'version');
  assert.equal(message['program'], 'coffre');
});

test('options of all verbs count before and after the verb', async () => {
  for (const argv of [
    ['--json', 'version'],
    ['version', '--json'],
    ['version', '--json=true'],
  ]) {
    assert.match((await run(...argv)).stdout, /^\{/);
  }
  assert.match((await run('version', '--json=false')).stdout, /^coffre /);
});

test('a mistake is one sentence with a code, an exit code of 1, and never a stack', async () => {
  for (const argv of [
    ['frobnicate'],
    ['snapshots', '--frob'],
    ['-q', '-v', 'snapshots'],
    ['--pack-size', '3', 'snapshots'],
    ['prune', '--max-unused', '3%'],
  ]) {
    const { code, stdout, stderr } = await run(...argv);
    assert.deepEqual([code, stdout], [1, ''], argv.join(' '));
    assert.match(stderr, /^Fatal: .+\n {2}[A-Z_]+(: .+)?\n$/, argv.join(' '));
  }
});

test('with --json a mistake is a message on stderr, also one in the options themselves', async () => {
  const { code, stderr } = await run('snapshots', '--json', '--frob');
  const message = JSON.parse(stderr) as Record<string, unknown>;
  assert.deepEqual(
    [code, message['message_type'], message['code'], message['error_code']],
    [1, 'exit_error', 1, 'USAGE'],
  );
});
