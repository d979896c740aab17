/** What the rows of a plan say of each thing that can go wrong with it. */
import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { failureCause } from '../store/failure-cause.ts';
import { failureCounts } from '../store/failure-counts.ts';
import { makePlanScene, usualYaml, type PlanScene } from './testing/plan-scene.ts';

const files = '{type: files, paths: [FOLDER/uploads]}';

function planOf(source: string, more = ''): string {
  return `sites: {lyon: {sources: {it: ${source}}}}
plans: {shop: {sources: [lyon/it], to: local${more}}}`;
}

/** What the newest run and its first part say, and what is counted. */
async function told(scene: PlanScene, yaml: string): Promise<string[]> {
  await scene.run(yaml);
  const rows = await scene.rows();
  const run = rows.findLast(({ parent }) => parent === undefined);
  const part = rows.find(({ parent }) => parent === run?.id);
  const say = ({ outcome, code }: { outcome: string; code: string | undefined }): string =>
    `${outcome} ${code} ${failureCause(outcome as 'failed', code)}`;
  const ended = scene.messages.findLast((message) => message.type === 'ended');
  assert.equal(ended?.code, run?.end?.code);
  return [run, part].flatMap((row) => (row?.end === undefined ? [] : [say(row.end)]));
}

const cases: readonly [what: string, yaml: string, ...expected: string[]][] = [
  [
    'the tool that dumps fails',
    planOf('{type: command, run: ["false"]}'),
    'failed SOURCE_COMMAND_FAILED dump',
    'failed SOURCE_COMMAND_FAILED dump',
  ],
  [
    'a guard refuses the source',
    planOf('{type: files, paths: [FOLDER/empty]}'),
    'failed SOURCE_REFUSED guard',
    'failed SOURCE_REFUSED guard',
  ],
  ['a hook before it fails', planOf(files, ', hooks: [{at: before, shell: "exit 3"}]'), 'failed HOOK_FAILED hook'],
  [
    'a copy fails, and the backup is saved',
    planOf(files, ', copy: {gone: {after: each}}').replace(
      'sites:',
      `  gone: {url: FOLDER/nowhere, password: "\${secret:key}"}\nsites:`,
    ),
    'warning COPY_BEHIND repository',
    'success undefined undefined',
  ],
  [
    'what is stored has other bytes than what was read',
    planOf(
      `{type: files, paths: [FOLDER/uploads], hooks: [{at: after, shell: "sh FOLDER/spoil.sh"}]}`,
      ', verify: {each: [hash]}',
    ),
    'failed VERIFY_FAILED hash_mismatch',
    'failed VERIFY_FAILED hash_mismatch',
  ],
];

for (const [what, text, ...expected] of cases) {
  test(`where ${what}, the rows say so`, async () => {
    await using scene = await makePlanScene();
    scene.write('uploads/a.txt', randomBytes(100_000).toString('hex'));
    scene.write('uploads/b.txt', 'two');
    // One byte of the largest pack: what tells of the snapshot lies in others.
    scene.write(
      'spoil.sh',
      `pack=$(ls -S ${scene.folder}/local/data/*/* | head -1); chmod u+w "$pack"; printf X | dd of="$pack" bs=1 seek=20 conv=notrunc`,
    );
    mkdirSync(join(scene.folder, 'empty'));
    assert.deepEqual(await told(scene, usualYaml(scene.folder, text)), expected);
    const [outcome, , cause] = expected[0]!.split(' ');
    const counts = outcome === 'failed' ? [{ plan: 'shop', source: 'lyon/it', cause, count: 1 }] : [];
    assert.deepEqual(await failureCounts(scene.store), counts);
  });
}

test('where the repository cannot be opened, every source of the plan is counted as failed', async () => {
  await using scene = await makePlanScene();
  const text = `sites: {lyon: {sources: {a: {type: command, run: [echo]}, b: {type: command, run: [echo]}}}}
plans: {shop: {sources: [lyon/a, lyon/b], to: local}}`;
  const yaml = usualYaml(scene.folder, text);
  assert.deepEqual(await told(scene, yaml.replace('/local,', '/nowhere,')), ['failed REPO_NOT_FOUND repository']);
  scene.write('key', 'wrong\n');
  assert.deepEqual(await told(scene, yaml), ['failed REPO_PASSWORD_WRONG auth']);
  assert.deepEqual(
    (await failureCounts(scene.store)).map(({ source, cause, count }) => `${source} ${cause} ${count}`),
    ['lyon/a auth 1', 'lyon/a repository 1', 'lyon/b auth 1', 'lyon/b repository 1'],
  );
});
