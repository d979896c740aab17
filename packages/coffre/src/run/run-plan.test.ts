import { strict as assert } from 'node:assert';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CoffreError } from '@coffre/repository';
import { samplePassword } from '@coffre/repository/testing';
import { factsOf } from '../named/tags.ts';
import { leaseHolders, takeLease } from '../store/leases.ts';
import { parsePlanState } from './plan-state.ts';
import type { RunMessage } from './run-message.ts';
import { makePlanScene, usualYaml, type PlanScene } from './testing/plan-scene.ts';

const sources = `
sites:
  lyon:
    sources:
      uploads: {type: files, paths: [FOLDER/uploads]}
      notes: {type: command, run: [cat, FOLDER/notes.txt]}
`;

function fill(scene: PlanScene): void {
  scene.write('uploads/a.txt', 'one');
  scene.write('uploads/b.txt', 'two');
  scene.write('notes.txt', 'remember');
}

const outcomes = (result: Awaited<ReturnType<PlanScene['run']>>): string[] =>
  result.parts.map(({ kind, source, repository, outcome }) =>
    [kind, source, repository, outcome].filter(Boolean).join(' '),
  );

test('a plan leaves one snapshot a source with its tags, copies of them, and rows that say so', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const plan = `${sources}
plans:
  shop:
    sources: [lyon/uploads, lyon/notes]
    to: local
    tags: [weekly]
    copy: {offsite: {after: each}}
    retention: {local: {last: 1, floor: 1}}
    verify: {each: [hash, archive]}
`;
  const yaml = usualYaml(scene.folder, plan);
  const slots = { firstDueMs: 1000, lastDueMs: 2000 };
  const result = await scene.run(yaml, 'shop', { purpose: { cause: 'slot', slots } });
  assert.deepEqual([result.outcome, result.reason], ['success', undefined]);
  assert.deepEqual(outcomes(result), [
    'source lyon/uploads local success',
    'source lyon/notes local success',
    'copy lyon/uploads offsite success',
    'copy lyon/notes offsite success',
    'retention local success',
  ]);
  const saved = await scene.snapshots(yaml, 'local');
  assert.deepEqual(
    saved
      .map(({ snapshot }) => factsOf(snapshot))
      .map(({ plan: name, source, kind, run }) => [name, source, kind, run]),
    [
      ['shop', 'lyon/uploads', 'auto', String(result.runId)],
      ['shop', 'lyon/notes', 'auto', String(result.runId)],
    ],
  );
  assert.ok(saved.every(({ snapshot }) => snapshot.tags?.includes('weekly')));
  const copies = await scene.snapshots(yaml, 'offsite');
  assert.deepEqual(
    copies.map(({ snapshot }) => [snapshot.original, snapshot.tags]),
    saved.map(({ id, snapshot }) => [id, snapshot.tags]),
  );
  const [run, ...parts] = await scene.rows();
  assert.deepEqual(
    [run?.kind, run?.source, run?.trigger, run?.slotAtMs, run?.end?.outcome],
    ['backup', undefined, 'schedule', 2000, 'success'],
  );
  assert.ok(parts.every(({ parent, end }) => parent === result.runId && end?.outcome === 'success'));
  assert.deepEqual(run?.snapshots.length, 2);
  assert.equal(parts.find(({ source }) => source === 'lyon/uploads')?.figures['stepsPassed'], 2);
  const again = await scene.run(yaml);
  assert.equal(again.parts.at(-1)?.figures.snapshotsRemoved, 2);
  assert.equal((await scene.snapshots(yaml, 'local')).length, 2);
});

test('hooks stand around the reading: finally runs before anything is copied, and they know what happened', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const note = (word: string): string =>
    `shell: "echo ${word} $COFFRE_HOOK $COFFRE_PLAN $COFFRE_SOURCE $COFFRE_REPOSITORY $COFFRE_OUTCOME >> FOLDER/log"`;
  const hooks = (word: string): string =>
    `[${['before', 'after', 'error', 'finally'].map((at) => `{at: ${at}, ${note(word)}}`).join(', ')}]`;
  const yaml = usualYaml(
    scene.folder,
    `sites: {lyon: {sources: {uploads: {type: files, paths: [FOLDER/uploads], hooks: ${hooks('source')}}}}}
plans: {shop: {sources: [lyon/uploads], to: local, copy: {offsite: {after: each, hooks: ${hooks('copy')}}}, hooks: ${hooks('plan')}}}`,
  );
  assert.equal((await scene.run(yaml)).outcome, 'success');
  const lines = scene.read('log').trim().split('\n');
  const ofPlan = 'plan finally shop success';
  // It runs beside the publication, so its place among those of the source is open.
  const at = lines.indexOf(ofPlan);
  assert.ok(at > 1 && at < lines.indexOf('copy before shop offsite'), lines.join('\n'));
  assert.deepEqual(
    lines.filter((line) => line !== ofPlan),
    [
      'plan before shop',
      'source before shop lyon/uploads',
      'source finally shop lyon/uploads success',
      'source after shop lyon/uploads success',
      'copy before shop offsite',
      'copy finally shop offsite success',
      'copy after shop offsite success',
      'plan after shop success',
    ],
  );
});

test('a before hook that fails stops the run before anything is read; finally and error run', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans:
  shop:
    sources: [lyon/uploads]
    to: local
    hooks:
      - {at: before, run: ["false"]}
      - {at: finally, shell: "echo finally $COFFRE_OUTCOME $COFFRE_REASON >> FOLDER/log"}
      - {at: error, shell: "echo error $COFFRE_REASON >> FOLDER/log"}
`,
  );
  const result = await scene.run(yaml);
  assert.deepEqual([result.outcome, result.code, result.parts], ['failed', 'HOOK_FAILED', []]);
  assert.match(
    scene.read('log'),
    /^finally failed the hook `false` \(before\) failed.*\nerror the hook `false` \(before\) failed/,
  );
  assert.deepEqual(await scene.snapshots(yaml, 'local'), []);
});

test('where a source could not be read, the plan is told so at `finally`', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  rmSync(join(scene.folder, 'notes.txt'));
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans:
  shop:
    sources: [lyon/uploads, lyon/notes]
    to: local
    hooks: [{at: finally, shell: "echo $COFFRE_OUTCOME $COFFRE_REASON > FOLDER/log"}]
`,
  );
  assert.equal((await scene.run(yaml)).outcome, 'failed');
  assert.match(scene.read('log'), /^failed lyon\/notes: .*; 1 of 2 sources are saved$/m);
});

test('a hook that hangs is ended with all that it started, and one that may fail only warns', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans:
  shop:
    sources: [lyon/uploads]
    to: local
    hooks: [{at: before, shell: "sleep 600 & sleep 600", timeout: 1s, on_error: warn}]
`,
  );
  const result = await scene.run(yaml);
  assert.equal(result.outcome, 'warning');
  assert.match(result.reason ?? '', /did not end within 1 s/);
  assert.equal((await scene.snapshots(yaml, 'local')).length, 1);
});

test('a secret that a hook is given and repeats is neither told nor logged', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const hook = `{at: before, shell: 'echo "$W"; echo "no: $W" >&2; exit 3', environment: {W: "\${secret:key}"}}`;
  const yaml = usualYaml(
    scene.folder,
    `${sources}\nplans: {shop: {sources: [lyon/uploads], to: local, hooks: [${hook}]}}`,
  );
  const result = await scene.run(yaml);
  assert.match(result.reason ?? '', /exit code 3: no: \*\*\*$/);
  const log = scene.read(result.logPath!.slice(scene.folder.length + 1));
  assert.match(log, /\/bin\/sh: \*\*\*/);
  assert.equal(log.includes(samplePassword), false);
});

test('a source that a guard refuses is not saved, the others are, and the retention waits', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/uploads, lyon/notes], to: local, retention: {local: {last: 1, floor: 1}}}}`,
  );
  await scene.run(yaml);
  rmSync(join(scene.folder, 'uploads'), { recursive: true });
  mkdirSync(join(scene.folder, 'uploads'));
  const result = await scene.run(yaml);
  assert.deepEqual([result.outcome, result.code], ['failed', 'SOURCE_REFUSED']);
  assert.deepEqual(outcomes(result), ['source lyon/uploads local failed', 'source lyon/notes local success']);
  assert.equal((await scene.snapshots(yaml, 'local')).length, 3);
});

test('a copy that cannot be made leaves the backup good, and the next run brings what was missed', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/uploads], to: local, copy: {offsite: {after: each}}, retention: {offsite: {last: 9}}}}`,
  );
  await scene.run(yaml);
  renameSync(join(scene.folder, 'offsite'), join(scene.folder, 'unplugged'));
  scene.write('uploads/a.txt', 'changed');
  const result = await scene.run(yaml);
  assert.deepEqual([result.outcome, result.code], ['warning', 'COPY_BEHIND']);
  assert.deepEqual(outcomes(result), ['source lyon/uploads local success', 'copy lyon/uploads offsite failed']);
  renameSync(join(scene.folder, 'unplugged'), join(scene.folder, 'offsite'));
  const later = await scene.run(yaml);
  assert.equal(later.outcome, 'success');
  assert.equal(later.parts.find(({ kind }) => kind === 'copy')?.figures.snapshotsCopied, 2);
  assert.equal((await scene.snapshots(yaml, 'offsite')).length, 3);
});

test('a wrong password or a missing repository ends the run before any hook', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `${sources}
plans: {shop: {sources: [lyon/uploads], to: local, hooks: [{at: before, run: [touch, FOLDER/log]}]}}`,
  );
  scene.write('key', 'wrong');
  const wrong = await scene.run(yaml);
  assert.deepEqual([wrong.outcome, wrong.code], ['failed', 'REPO_PASSWORD_WRONG']);
  rmSync(join(scene.folder, 'key'));
  assert.equal((await scene.run(yaml)).code, 'SECRET_UNAVAILABLE');
  scene.write('key', 'wrong');
  rmSync(join(scene.folder, 'local'), { recursive: true });
  const gone = await scene.run(yaml);
  assert.deepEqual(
    [gone.code, gone.hint],
    ['REPO_NOT_FOUND', 'Make it with `coffre init local`, or check its address and the disk.'],
  );
  assert.throws(() => scene.read('log'), { code: 'ENOENT' });
  assert.deepEqual(
    (await scene.rows()).map(({ end }) => end?.outcome),
    ['failed', 'failed', 'failed'],
  );
});

test('a plan runs once at a time; the lease of a process that is gone is in nobody’s way', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(scene.folder, `${sources}\nplans: {shop: {sources: [lyon/uploads], to: local}}`);
  const { host, bootId } = scene.machine;
  const lease = { repository: 'plan/shop', mode: 'exclusive', durationMs: 3_600_000 } as const;
  await takeLease(scene.store, { ...lease, holder: `${host} pid 4711 ${bootId}` });
  const refused = await scene.run(yaml);
  assert.deepEqual([refused.outcome, refused.code], ['skipped', 'PLAN_RUNNING']);
  const { machine } = scene;
  const around = { ...scene.around(yaml), machine: { ...machine, isAlive: () => false } };
  const { runPlan } = await import('./run-plan.ts');
  const { runPurpose } = await import('./run-request.ts');
  const plan = around.config.plans.keys().next().value!;
  assert.equal((await runPlan(around, { plan, purpose: runPurpose.parse({}) })).outcome, 'success');
  assert.deepEqual(await leaseHolders(scene.store, 'plan/shop'), []);
});

test('a run that is cancelled leaves no snapshot, no lease and no lock, and its row says so', async () => {
  await using scene = await makePlanScene();
  const yaml = usualYaml(
    scene.folder,
    `sites: {lyon: {sources: {slow: {type: command, run: [sleep, "600"]}}}}
plans: {shop: {sources: [lyon/slow], to: local, hooks: [{at: error, run: [touch, FOLDER/log]}]}}`,
  );
  const stop = new AbortController();
  const onMessage = (message: RunMessage): void => {
    if (message.type === 'phase' && message.phase === 'read') stop.abort(new CoffreError('INTERRUPTED', 'by hand'));
  };
  const result = await scene.run(yaml, 'shop', { signal: stop.signal, onMessage });
  assert.deepEqual([result.outcome, result.reason], ['cancelled', 'by hand']);
  assert.deepEqual(await scene.snapshots(yaml, 'local'), []);
  assert.deepEqual(await leaseHolders(scene.store, 'local'), []);
  assert.deepEqual(
    (await scene.rows()).map(({ end }) => end?.outcome),
    ['cancelled', 'cancelled'],
  );
  assert.throws(() => scene.read('log'), { code: 'ENOENT' });
});

test('a run that takes longer than its plan allows is stopped and failed', async () => {
  await using scene = await makePlanScene();
  const yaml = usualYaml(
    scene.folder,
    `sites: {lyon: {sources: {slow: {type: command, run: [sleep, "600"]}}}}
plans: {shop: {sources: [lyon/slow], to: local, max_runtime: 1s}}`,
  );
  const result = await scene.run(yaml);
  assert.deepEqual([result.outcome, result.code], ['failed', 'RUN_OVERTIME']);
});

test('sources of another host are never run here, and said so', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `sites:
  lyon: {host: app2.invalid, sources: {uploads: {type: files, paths: [FOLDER/uploads]}}}
plans: {shop: {sources: [lyon/uploads], to: local}}`,
  );
  const result = await scene.run(yaml);
  assert.deepEqual([result.outcome, result.code], ['skipped', 'SOURCE_NOT_HERE']);
  assert.match(result.reason ?? '', /lyon\/uploads is on app2\.invalid, and this is .*: no agent/);
});

test('state files that do not parse keep their last good content, and the run says what is missing', async () => {
  await using scene = await makePlanScene();
  scene.write('modules/a.toml', 'a = 1\n');
  const yaml = usualYaml(
    scene.folder,
    `sites: {lyon: {sources: {states: {type: files, paths: [FOLDER/modules], validate: toml}}}}
plans: {shop: {sources: [lyon/states], to: local, verify: {each: [hash, parse]}}}`,
  );
  assert.equal((await scene.run(yaml)).outcome, 'success');
  scene.write('modules/a.toml', 'a = ');
  const torn = await scene.run(yaml);
  assert.deepEqual([torn.outcome, torn.code], ['warning', 'SOURCE_INCOMPLETE']);
  assert.equal(torn.parts[0]?.figures.filesRejected, 1);
  const full = await scene.run(yaml, 'shop', { purpose: { full: true } });
  assert.equal(full.parts[0]?.figures.filesRejected, 1, 'the last good state is kept also when all is read again');
});

test('what did not change is skipped when the plan wants it', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(
    scene.folder,
    `${sources}\nplans: {shop: {sources: [lyon/notes], to: local, skip_if_unchanged: true}}`,
  );
  await scene.run(yaml);
  const same = await scene.run(yaml);
  assert.deepEqual([same.outcome, same.parts[0]?.reason], ['success', 'nothing had changed']);
  assert.equal((await scene.snapshots(yaml, 'local')).length, 1);
  await scene.run(yaml, 'shop', { purpose: { full: true } });
  assert.equal((await scene.snapshots(yaml, 'local')).length, 2);
});

test('a full run reads every file again, and the next one does not', async () => {
  await using scene = await makePlanScene();
  scene.write('uploads/a.txt', 'one'.repeat(100_000));
  const yaml = usualYaml(scene.folder, `${sources}\nplans: {shop: {sources: [lyon/uploads], to: local}}`);
  await scene.run(yaml);
  const bytesRead = async (full: boolean): Promise<number> =>
    (await scene.run(yaml, 'shop', { purpose: { full } })).parts[0]?.figures.bytesRead ?? 0;
  assert.ok((await bytesRead(true)) >= 300_000);
  assert.ok((await bytesRead(false)) < 300_000);
});

test('a history that cannot be written any more stops no backup', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(scene.folder, `${sources}\nplans: {shop: {sources: [lyon/uploads], to: local}}`);
  const { sql } = await import('kysely');
  const fillUp = async (): Promise<void> => {
    const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(scene.store.db);
    await sql.raw(`pragma max_page_count = ${rows[0]!.page_count}`).execute(scene.store.db);
    const long = 'x'.repeat(100_000);
    for (let more = true; more;) {
      more = await sql`insert into settings values (${Math.random().toString()}, ${long}, null, 0, '')`
        .execute(scene.store.db)
        .then(
          () => true,
          () => false,
        );
    }
  };
  let filling: Promise<void> | undefined;
  const onMessage = (message: RunMessage): void => {
    if (message.type === 'phase' && message.phase === 'publish') filling ??= fillUp();
  };
  const result = await scene.run(yaml, 'shop', { onMessage });
  await filling;
  assert.match(result.outcome, /success|warning/);
  assert.equal((await scene.snapshots(yaml, 'local')).length, 1);
});

test('the log of a run is complete, and its snapshot carries the configuration without secrets', async () => {
  await using scene = await makePlanScene();
  fill(scene);
  const yaml = usualYaml(scene.folder, `${sources}\nplans: {shop: {sources: [lyon/uploads], to: local}}`);
  const result = await scene.run(yaml);
  const lines = scene
    .read(result.logPath!.slice(scene.folder.length + 1))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as RunMessage);
  assert.deepEqual([lines[0]?.type, lines.at(-1)?.type], ['started', 'ended']);
  assert.deepEqual(
    lines.flatMap((line) => (line.type === 'phase' ? [line.phase] : [])),
    ['lease', 'lease', 'open', 'preflight', 'read', 'publish'],
  );
  const text = await scene.fileOf(yaml, 'local', result.parts[0]!.snapshot!, '/.coffre/plan.json');
  const state = parsePlanState(text);
  assert.deepEqual([state.plan, state.source], ['shop', 'lyon/uploads']);
  assert.deepEqual(Object.keys(state.configuration['plans'] as object), ['shop']);
  assert.equal(text.includes(samplePassword), false);
});
