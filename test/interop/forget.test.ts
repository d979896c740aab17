/** Retention against restic's own verdict: `restic forget --dry-run --json` on generated snapshot sets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isCoffreError } from '../../packages/repository/src/errors.ts';
import { formatTimestamp } from '../../packages/repository/src/format/time.ts';
import { planForget, type ForgetPlan } from '../../packages/repository/src/maintain/forget.ts';
import { parseKeepCount, parseSpan, type RetentionPolicy } from '../../packages/repository/src/maintain/policy.ts';
import type { StoredSnapshot } from '../../packages/repository/src/repository.ts';
import {
  addSampleSnapshot,
  addSnapshotFile,
  createSampleRepository,
} from '../../packages/repository/src/testing/sample-repository.ts';
import { findNewRestic } from '../peers/peers.ts';
import { runRestic, temporaryFolder, writeRepository } from './restic.ts';

const restic = findNewRestic();
const skip = restic === undefined ? 'restic 0.19 is not here' : false;
const seed = Number(process.env['SEED'] ?? 20260102);

const minute = 60;
const day = 86_400;

type Dated = { readonly time: string; readonly tags: readonly string[] };

/** Moments as real machines make them: bursts within hours, days and years, in several zones and around their changes. */
type Moment = { agoSec: number; nsec: number; zone: 'local' | number; tags: string[] };
const moment: fc.Arbitrary<Moment> = fc.record({
  agoSec: fc.oneof(
    fc.integer({ min: -20 * 3600, max: -10 * minute }),
    fc.integer({ min: 10 * minute, max: 2 * day }),
    fc.integer({ min: 10 * minute, max: 40 * day }),
    fc.integer({ min: 10 * minute, max: 800 * day }),
    fc.integer({ min: 10 * minute, max: 9000 * day }),
  ),
  nsec: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
  zone: fc.constantFrom<('local' | number)[]>('local', 'local', 0, 60, 120, -300, 345, 840, -720),
  tags: fc.subarray(['a', 'b', 'keep']),
});
const snapshotSet = fc.uniqueArray(moment, { minLength: 1, maxLength: 14, selector: ({ agoSec }) => agoSec });

function localOffset(sec: number): number {
  return -new Date(sec * 1000).getTimezoneOffset();
}

function datedOf(nowSec: number, { agoSec, nsec, zone, tags }: Moment): Dated {
  const sec = nowSec - agoSec;
  return { time: formatTimestamp({ sec, nsec, offsetMinutes: zone === 'local' ? localOffset(sec) : zone }), tags };
}

const count = fc.oneof(fc.integer({ min: 0, max: 5 }).map(String), fc.constant('unlimited'));
const span = fc
  .tuple(fc.nat(2), fc.nat(14), fc.nat(40), fc.nat(30))
  .map(([years, months, days, hours]) => `${years}y${months}m${days}d${hours}h`.replaceAll(/(?<!\d)0[ymdh]/g, ''));
const flagValues = {
  'keep-last': count,
  'keep-hourly': count,
  'keep-daily': count,
  'keep-weekly': count,
  'keep-monthly': count,
  'keep-yearly': count,
  'keep-within': span,
  'keep-within-hourly': span,
  'keep-within-daily': span,
  'keep-within-weekly': span,
  'keep-within-monthly': span,
  'keep-within-yearly': span,
  'keep-tag': fc.constantFrom('keep', 'a,b', 'nobody', ''),
};
type Flags = { readonly [Name in keyof typeof flagValues]?: string };
const flagNames = Object.keys(flagValues) as (keyof Flags)[];

/** A few rules at once: with all of them everything is kept. */
const flags: fc.Arbitrary<Flags> = fc
  .subarray(flagNames, { minLength: 1, maxLength: 4 })
  .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, flagValues[name]]))));

function argvOf(chosen: Flags): string[] {
  return Object.entries(chosen).map(([name, value]) => `--${name}=${value}`);
}

function policyOf(chosen: Flags): RetentionPolicy {
  const counts = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
  const policy: { -readonly [Rule in keyof RetentionPolicy]: RetentionPolicy[Rule] } = {};
  for (const rule of counts) {
    const text = chosen[`keep-${rule}`];
    if (text !== undefined) policy[rule] = parseKeepCount(text);
    if (rule === 'last') continue;
    const within = chosen[`keep-within-${rule}`];
    const name = `within${rule[0]?.toUpperCase()}${rule.slice(1)}` as `within${Capitalize<typeof rule>}`;
    if (within !== undefined) policy[name] = parseSpan(within);
  }
  if (chosen['keep-within'] !== undefined) policy.within = parseSpan(chosen['keep-within']);
  if (chosen['keep-tag'] !== undefined) policy.tags = [chosen['keep-tag'].split(',')];
  return policy;
}

type ResticGroup = {
  host: string;
  keep: { id: string }[] | null;
  remove: { id: string }[] | null;
  reasons: { snapshot: { id: string }; matches: string[] }[] | null;
};

type Verdict = { keep: string[]; remove: string[]; reasons: [string, string[]][] };

function resticVerdicts(stdout: string): Map<string, Verdict> {
  const groups = JSON.parse(stdout) as ResticGroup[];
  return new Map(
    groups.map(({ host, keep, remove, reasons }) => [
      host,
      {
        keep: (keep ?? []).map(({ id }) => id),
        remove: (remove ?? []).map(({ id }) => id),
        reasons: (reasons ?? []).map(({ snapshot, matches }) => [snapshot.id, matches]),
      },
    ]),
  );
}

function ourVerdicts(plan: ForgetPlan): Map<string, Verdict> {
  return new Map(
    plan.groups.map(({ key, keep, remove, reasons }) => [
      key.hostname,
      {
        keep: keep.map(({ id }) => id),
        remove: remove.map(({ id }) => id),
        reasons: reasons.map(({ snapshot, matches }) => [snapshot.id, [...matches]]),
      },
    ]),
  );
}

/** One repository whose hosts are the generated sets. */
async function repositoryOf(
  sets: readonly (readonly Dated[])[],
): Promise<{ files: Map<string, Buffer>; all: StoredSnapshot[] }> {
  const { repository, backend } = await createSampleRepository();
  await addSampleSnapshot(await repository.loadIndex(), { file: 'text' });
  const [first] = await repository.listSnapshots();
  assert.ok(first);
  await repository.remove('snapshots', first.id);
  for (const [number, set] of sets.entries()) {
    for (const { time, tags } of set) {
      await addSnapshotFile(repository, { tree: first.snapshot.tree, hostname: `host${number}`, time, tags });
    }
  }
  return { files: backend.files, all: await repository.listSnapshots() };
}

for (const [zoneNumber, zone] of ['UTC', 'Europe/Paris', 'America/New_York', 'Asia/Kathmandu'].entries()) {
  test(
    `policies keep and remove what restic keeps and removes, for the same reasons (clock in ${zone})`,
    { skip },
    async () => {
      assert.ok(restic);
      const before = process.env['TZ'];
      process.env['TZ'] = zone;
      try {
        const nowSec = Math.floor(Date.now() / 1000);
        const sets = fc
          .sample(snapshotSet, { numRuns: 60, seed: seed + zoneNumber })
          .map((moments) => moments.map((one) => datedOf(nowSec, one)));
        const { files, all } = await repositoryOf(sets);
        using folder = temporaryFolder();
        writeRepository(files, folder.path);
        const policies = fc.sample(flags, { numRuns: 25, seed: seed + zoneNumber });
        for (const chosen of policies) {
          // Restic gives up at the first group left empty, so this rule keeps something of each.
          const keptAlways = { 'keep-last': '1', ...chosen, ...(chosen['keep-last'] === '0' && { 'keep-last': '1' }) };
          const argv = argvOf(keptAlways);
          const run = runRestic(restic.path, folder.path, ['forget', '--dry-run', '--no-lock', '--json', ...argv], {
            TZ: zone,
          });
          assert.equal(run.exitCode, 0, `${argv.join(' ')}: ${run.stderr}`);
          const plan = planForget(all, policyOf(keptAlways), { nowNs: BigInt(Date.now()) * 1_000_000n });
          assert.deepEqual(ourVerdicts(plan), resticVerdicts(run.stdout), `seed ${seed}: ${argv.join(' ')}`);
        }
      } finally {
        if (before === undefined) delete process.env['TZ'];
        else process.env['TZ'] = before;
      }
    },
  );
}

test('policies that keep nothing are refused where restic refuses them', { skip }, async () => {
  assert.ok(restic);
  const nowSec = Math.floor(Date.now() / 1000);
  const sets = fc
    .sample(snapshotSet, { numRuns: 12, seed })
    .map((moments) => moments.map((one) => datedOf(nowSec, one)));
  const { files, all } = await repositoryOf(sets);
  using folder = temporaryFolder();
  writeRepository(files, folder.path);
  const policies = fc.sample(flags, { numRuns: 60, seed: seed + 7 });
  let refused = 0;
  for (const [number, chosen] of policies.entries()) {
    const host = `host${number % sets.length}`;
    const argv = argvOf(chosen);
    const run = runRestic(restic.path, folder.path, [
      'forget',
      '--dry-run',
      '--no-lock',
      '--json',
      '--host',
      host,
      ...argv,
    ]);
    const mine = all.filter(({ snapshot }) => snapshot.hostname === host);
    const plan = (): ForgetPlan => planForget(mine, policyOf(chosen), { nowNs: BigInt(Date.now()) * 1_000_000n });
    if (run.exitCode === 0) {
      assert.deepEqual(ourVerdicts(plan()), resticVerdicts(run.stdout), argv.join(' '));
      continue;
    }
    refused += 1;
    const code = run.stderr.includes('no policy was specified') ? 'POLICY_EMPTY' : 'POLICY_REMOVES_ALL';
    assert.throws(plan, (error) => isCoffreError(error, code), `${argv.join(' ')}: ${run.stderr}`);
  }
  assert.ok(refused > 0, 'no generated policy was refused');
});

test('a window that crosses a change of summer time begins where restic begins it', { skip }, async () => {
  assert.ok(restic);
  const previous = process.env['TZ'];
  process.env['TZ'] = 'Europe/Paris';
  try {
    const around = ['11:00', '11:30', '12:00', '12:30', '13:00'];
    // The newest is in the zone of this machine, or in another, or says UTC.
    const sets = ['2025-07-01T12:00:00+02:00', '2025-07-01T12:00:00+03:00', '2025-07-01T12:00:00Z'].map((newest) =>
      [newest, ...around.map((clock) => `2025-01-01T${clock}:00+01:00`)].map((time) => ({ time, tags: [] })),
    );
    const gap = ['2025-04-30T02:30:00+02:00', ...['01:00', '01:45', '02:15'].map((at) => `2025-03-30T${at}:00+01:00`)];
    const { files, all } = await repositoryOf([...sets, gap.map((time) => ({ time, tags: [] }))]);
    using folder = temporaryFolder();
    writeRepository(files, folder.path);
    for (const [within, text] of [
      [{ 'keep-within': '6m' }, '6m'],
      [{ 'keep-within': '1m' }, '1m'],
      [{ 'keep-within-hourly': '5m31d' }, '5m31d'],
    ] as const) {
      const argv = ['forget', '--dry-run', '--no-lock', '--json', ...argvOf(within)];
      const run = runRestic(restic.path, folder.path, argv, { TZ: 'Europe/Paris' });
      assert.equal(run.exitCode, 0, run.stderr);
      const plan = planForget(all, policyOf(within), { nowNs: BigInt(Date.now()) * 1_000_000n });
      assert.ok(plan.remove.length > 0);
      assert.deepEqual(ourVerdicts(plan), resticVerdicts(run.stdout), text);
    }
  } finally {
    if (previous === undefined) delete process.env['TZ'];
    else process.env['TZ'] = previous;
  }
});
