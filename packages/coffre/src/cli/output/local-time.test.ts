import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { formatLocalTime, formatZonedTime, zoneName } from './local-time.ts';

test('a local time has seconds and no zone', () => {
  assert.equal(formatLocalTime(new Date(2026, 0, 2, 3, 4, 5)), '2026-01-02 03:04:05');
});

test('a zoned time keeps its zone and its fraction', () => {
  assert.equal(formatZonedTime('2026-01-02T03:04:05.120000000Z'), '2026-01-02 03:04:05.12 +0000 UTC');
  assert.equal(formatZonedTime('2026-01-02T03:04:05+05:45'), '2026-01-02 03:04:05 +0545 +0545');
  assert.equal(formatZonedTime('not a time'), 'not a time');
});

test('a zone that is ours has its name', () => {
  const script = `import { formatZonedTime } from ${JSON.stringify(new URL('./local-time.ts', import.meta.url).href)};
    console.log(formatZonedTime('2026-07-02T03:04:05+02:00'));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { TZ: 'Europe/Paris' },
    encoding: 'utf8',
  });
  assert.equal(said, '2026-07-02 03:04:05 +0200 CEST\n');
});

test('tables name the zone as TZ does', () => {
  assert.deepEqual(
    [zoneName(undefined), zoneName(''), zoneName(':Europe/Paris')],
    ['local time', 'UTC', 'Europe/Paris'],
  );
});
