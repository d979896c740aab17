/** `coffre schedule` as people and programs use it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { compiled } from '../compiled.ts';
import { nodeArguments } from '../program.ts';

function schedule(...argv: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...compiled, PATH: process.env['PATH'], HOME: '/nonexistent', TZ: 'Europe/Paris' };
  return spawnSync(process.execPath, [...nodeArguments, 'schedule', ...argv], { env, encoding: 'utf8' });
}

test('a schedule is said in a sentence, with so many of its next times as are wanted', () => {
  const { status, stdout } = schedule('1st', 'Sat', '07:00', '--count', '5');
  const [sentence, ...times] = stdout.trimEnd().split('\n');
  assert.equal(status, 0);
  assert.equal(sentence, 'the 1st Saturday of the month at 07:00 (Europe/Paris)');
  assert.equal(times.length, 5);
  for (const time of times) assert.match(time, /^ {2}Sat [1-7] [A-Z][a-z]{2} \d{4} 07:00 \+0[12]:00$/);
});

test('programs get it as one document', () => {
  const { stdout } = schedule('30 2 * * *', '--zone', 'UTC', '--json', '--count', '2');
  const document: unknown = JSON.parse(stdout);
  const next = (document as { next: { at: string; local: string }[] }).next;
  assert.match(stdout, /^\{"schema":"coffre\.schedule\/1",/);
  for (const { at } of next) assert.match(at, /T02:30:00\.000Z$/);
  assert.equal(Date.parse(next[1]!.at) - Date.parse(next[0]!.at), 86_400_000);
});

test('what cannot be used is refused with its code and a hint', () => {
  for (const [argv, sentence] of [
    [['0 0 31 2 *'], 'no such day ever comes'],
    [['02:30', '--zone', 'Europe/Lyon'], 'there is no time zone "Europe/Lyon"'],
    [['02:30', '--count', 'many'], '--count needs a whole number'],
  ] as const) {
    const { status, stdout, stderr } = schedule(...argv);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.ok(stderr.includes(sentence), stderr);
    assert.doesNotMatch(stderr, /\bat .*:\d+:\d+/);
  }
});

test('a night on which clocks change is seen beforehand', () => {
  const night = (from: string): string[] =>
    schedule('30 2 * * *', '--zone', 'Europe/Paris', '--from', from, '--count', '2').stdout.split('\n').slice(1, 3);
  assert.deepEqual(night('2026-03-29'), ['  Sun 29 Mar 2026 03:00 +02:00', '  Mon 30 Mar 2026 02:30 +02:00']);
  assert.deepEqual(night('2026-10-25'), ['  Sun 25 Oct 2026 02:30 +02:00', '  Mon 26 Oct 2026 02:30 +01:00']);
  // What is due at the very time is the first, and the second 02:30 of that night is no slot.
  assert.deepEqual(night('2026-10-25T02:30+02:00')[0], '  Sun 25 Oct 2026 02:30 +02:00');
  assert.deepEqual(night('2026-10-25T02:30+01:00')[0], '  Mon 26 Oct 2026 02:30 +01:00');
  assert.match(schedule('02:30', '--from', '2026-13-01').stderr, /--from needs a time, not "2026-13-01"/);
});
