import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Terminal } from './terminal.ts';
import type { OutputStream } from './terminal.ts';

function stream(isTTY: boolean, columns = 40): OutputStream & { text: () => string } {
  const chunks: string[] = [];
  return {
    isTTY,
    columns,
    write: (chunk) => chunks.push(Buffer.from(chunk as string).toString('latin1')) > 0,
    once: () => undefined,
    off: () => undefined,
    text: () => chunks.join(''),
  };
}

function terminal(isTTY: boolean): { out: ReturnType<typeof stream>; err: ReturnType<typeof stream>; it: Terminal } {
  const [out, err] = [stream(isTTY), stream(isTTY)];
  return { out, err, it: new Terminal({ stdout: out, stderr: err, inputIsTerminal: false, term: 'xterm' }) };
}

test('lines of a pipe are gathered, and come before an error that follows them', () => {
  const { out, err, it } = terminal(false);
  it.print('one');
  it.print('two\n');
  assert.equal(out.text(), '');
  it.error('wrong');
  assert.deepEqual([out.text(), err.text()], ['one\ntwo\n', 'wrong\n']);
});

test('status lines are drawn below what is printed and wiped before the next line', () => {
  const { out, it } = terminal(true);
  it.setStatus(['working', 'on a file']);
  it.print('done with one');
  it.setStatus([]);
  assert.equal(
    out.text(),
    'working\non a file\r\x1b[2K\x1b[1A\x1b[2Kdone with one\nworking\non a file\r\x1b[2K\x1b[1A\x1b[2K',
  );
});

test('a status line never wraps, and without a terminal it is a line like others', () => {
  const watched = terminal(true);
  watched.it.setStatus(['x'.repeat(100)]);
  assert.equal(watched.out.text().length, 38);
  const piped = terminal(false);
  piped.it.setStatus(['half done']);
  assert.equal(piped.out.text(), 'half done\n');
});

test('an error line cannot steer the terminal', () => {
  const { err, it } = terminal(true);
  it.error('bad \x1b[2J name');
  assert.equal(err.text(), 'bad \\x1b[2J name\n');
});
