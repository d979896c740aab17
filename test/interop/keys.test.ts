/** Passwords as a user changes them, and the sheet for the safe; restic opens what is left. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createWorld, restic } from './cli-programs.ts';

const skip = restic === undefined ? 'restic is not here' : false;
const scanner = spawnSync('zbarimg', ['--version']).error === undefined ? false : 'zbarimg is not here';

describe('keys', { skip }, async () => {
  const world = await createWorld();
  after(() => world[Symbol.dispose]());
  const secret = 'Tr0ub4dor & <3';
  const file = join(world.folder, 'new-password');
  writeFileSync(file, `${secret}\n`);
  const anew = { environment: { RESTIC_PASSWORD: secret } };

  test('after a rotation both programs open with the new password and refuse the old one with 12', () => {
    const rotated = world.coffre([
      'key',
      'rotate',
      '--new-password-file',
      file,
      '--user',
      'bea',
      '--host',
      'desk',
      '--json',
    ]);
    assert.equal(rotated.code, 0, rotated.stderr);
    const message = JSON.parse(rotated.stdout) as {
      message_type: string;
      id: string;
      removed: string[];
      remaining: [];
    };
    assert.deepEqual([message.message_type, message.removed.length, message.remaining], ['key_rotated', 1, []]);
    const listed = JSON.parse(world.restic(['key', 'list', '--json'], anew).stdout) as {
      id: string;
      userName: string;
    }[];
    assert.deepEqual(
      listed.map(({ userName }) => userName),
      ['bea'],
    );
    for (const run of [world.coffre, world.restic]) {
      assert.equal(run(['snapshots'], anew).code, 0);
      assert.equal(run(['snapshots']).code, 12);
    }
  });

  test('a rotation says what it does not protect against, and what excludes each other is refused', () => {
    const said = world.coffre(['key', 'rotate', '--new-password-file', file, '--keep-old']);
    assert.equal(said.code, 12);
    const third = join(world.folder, 'third');
    writeFileSync(third, 'third');
    const kept = world.coffre(['key', 'rotate', '--new-password-file', third, '--keep-old'], anew);
    assert.match(
      kept.stdout,
      /still opens the repository\nAll keys wrap the same master key: .+\n.+`coffre copy`\.\n$/,
    );
    assert.equal(world.restic(['snapshots'], anew).code, 0);
    const both = world.coffre(
      ['key', 'rotate', '--new-password-file', third, '--keep-old', '--remove-all-others'],
      anew,
    );
    assert.equal(both.code, 1);
    assert.match(both.stderr, /exclude each other/);
    assert.equal(
      world.coffre(['key', 'rotate', '--new-password-file', third], { environment: { RESTIC_PASSWORD: 'third' } }).code,
      1,
    );
  });

  test('the sheet is for its owner only, never on the terminal unasked, and replaces nothing', () => {
    const path = join(world.folder, 'sheet.txt');
    const written = world.coffre(['key', 'kit', '--output', path], anew);
    assert.equal(written.code, 0, written.stderr);
    assert.ok(!`${written.stdout}${written.stderr}`.includes(secret));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const text = readFileSync(path, 'utf8');
    assert.ok(text.includes(`\n    ${secret}\n`));
    assert.equal(world.coffre(['key', 'kit', '--output', path], anew).code, 1);
    assert.equal(readFileSync(path, 'utf8'), text);
    assert.ok(world.coffre(['key', 'kit', '--output', '-'], anew).stdout.includes(secret));
    assert.equal(world.coffre(['key', 'kit', '--output', '-', '--json'], anew).code, 1);
    assert.ok(
      readFileSync(sheetOf(world.coffre(['key', 'kit', '--json', '--format', 'html'], anew).stdout), 'utf8').startsWith(
        '<!doctype',
      ),
    );
  });

  test('a wrong password writes no sheet', () => {
    const path = join(world.folder, 'none.txt');
    const run = world.coffre(['key', 'kit', '--output', path], { environment: { RESTIC_PASSWORD: 'wrong' } });
    assert.deepEqual([run.code, existsSync(path)], [12, false]);
  });

  test('the commands of the sheet restore, with the password that is on it', () => {
    assert.equal(world.coffre(['backup', world.source], anew).code, 0);
    const sheet = world.coffre(['key', 'kit', '--output', '-'], anew).stdout;
    const steps = [...sheet.matchAll(/^ {4}restic (.+)$/gm)].map(([, words]) => words ?? '');
    assert.equal(steps.length, 2);
    assert.ok(sheet.includes(`    export RESTIC_REPOSITORY=${world.repository}\n`));
    for (const words of steps) {
      const target = join(world.folder, 'restored');
      mkdirSync(target, { recursive: true });
      const argv = words.replace('/tmp/restored', target).split(' ');
      assert.equal(world.restic(argv, anew).code, 0, words);
    }
    assert.ok(existsSync(join(world.folder, 'restored', world.source, 'b.txt')));
  });

  test('a scanner reads the password from the text', { skip: scanner }, () => {
    const sheet = world.coffre(['key', 'kit', '--output', '-'], anew).stdout;
    const image = join(world.folder, 'code.pgm');
    writeFileSync(image, greyMap(sheet.split('\n').filter((line) => /^[ █▀▄]{25,}$/.test(line))));
    assert.equal(spawnSync('zbarimg', ['-q', '--raw', image], { encoding: 'utf8' }).stdout.trimEnd(), secret);
  });
});

function sheetOf(stdout: string): string {
  return (JSON.parse(stdout) as { path: string }).path;
}

/** Half blocks as a picture, 6 dots a module. */
function greyMap(lines: readonly string[]): string {
  const rows = lines.flatMap((line) => [
    Array.from(line).map((block) => block === '█' || block === '▀'),
    Array.from(line).map((block) => block === '█' || block === '▄'),
  ]);
  const dots = rows.flatMap((row) =>
    Array<string>(6).fill(row.flatMap((dark) => Array<string>(6).fill(dark ? '0' : '255')).join(' ')),
  );
  return `P2\n${(rows[0]?.length ?? 0) * 6} ${rows.length * 6}\n255\n${dots.join('\n')}\n`;
}
