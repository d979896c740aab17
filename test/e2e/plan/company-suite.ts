/** What the company's plans do for real, whatever storage the other place is. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { test } from 'node:test';
import { findRestic, skipWithout } from '../../peers.ts';
import type { Company } from './company-scene.ts';

const restic = findRestic('newest');

const outcomes = (parts: Awaited<ReturnType<Company['run']>>['parts']): string[] =>
  parts.map(({ kind, source, repository, outcome }) => [kind, source, repository, outcome].filter(Boolean).join(' '));

export function companySuite(
  offsiteKind: string,
  open: () => Promise<AsyncDisposable & { readonly company: Company }>,
  missing: string | false = false,
): void {
  const skip = missing === false ? skipWithout(restic, 'restic') : missing;
  test(
    `a company runs its plans: database, files, states, hooks, copies to ${offsiteKind} and retention`,
    { skip },
    async () => {
      await using scene = await open();
      const { company } = scene;
      const missing = await company.coffre('run', 'db-hourly');
      assert.equal(missing.code, 10);
      assert.match(missing.stderr, /coffre init local/);
      const made = await company.coffre('init', '--all');
      assert.equal(made.code, 0, made.stderr);
      await company.quicken();
      const config = await company.coffre('config', 'check');
      assert.equal(config.code, 0, config.stdout);

      const database = await company.run('db-hourly');
      assert.deepEqual(outcomes(database.parts), [
        'source lyon/shop_db local success',
        'copy lyon/shop_db offsite success',
        'retention offsite success',
        'retention local success',
      ]);
      assert.equal(database.parts[0]?.figures['steps_passed'], 4);

      const files = await company.run('files-6h');
      assert.equal(files.outcome, 'success');
      assert.equal(company.read('srv/shop/maintenance.log'), 'on files-6h before\noff files-6h finally\n');
      for (const day of ['tuesday', 'wednesday', 'thursday']) {
        company.write('srv/shop/uploads/menu.txt', day);
        await company.run('files-6h');
      }
      const kept = await snapshotsOf(company, 'local');
      assert.equal(kept.filter((tags) => tags.includes('coffre:source=lyon/uploads')).length, 2);
      const copied = await snapshotsOf(company, 'offsite');
      assert.equal(copied.filter((tags) => tags.includes('coffre:source=lyon/uploads')).length, 3);

      assert.equal((await company.run('states-live')).outcome, 'success');
      company.write('srv/shop/modules/stock/state/now.toml', 'module = ');
      const torn = await company.run('states-live', 3);
      assert.equal(torn.outcome, 'warning');
      const foreign = await company.coffre('run', 'annecy-nightly');
      assert.match(foreign.stderr, /annecy\/uploads is on app2\.invalid/);
      assert.equal(foreign.code, 1);

      await restoresWith(company);
    },
  );
}

async function snapshotsOf(company: Company, name: string): Promise<readonly (readonly string[])[]> {
  const words = name === 'local' ? [join(company.place, 'backup/coffre')] : [company.environment['OFFSITE']!];
  const { code, stdout, stderr } = company.program(
    restic!.path,
    ['-r', ...words, 'snapshots', '--json', '--no-cache'],
    resticEnvironment(company),
  );
  assert.equal(code, 0, stderr);
  return (JSON.parse(stdout) as { tags: string[] }[]).map(({ tags }) => tags);
}

function resticEnvironment(company: Company): Record<string, string> {
  return {
    RESTIC_PASSWORD_FILE: join(company.place, 'etc/keys/repo.key'),
    AWS_ACCESS_KEY_ID: company.environment['COFFRE_S3_ID'] ?? '',
    AWS_SECRET_ACCESS_KEY: company.read('etc/keys/s3').trim(),
    AWS_DEFAULT_REGION: 'us-east-1',
  };
}

/** restic itself brings the data of the other place back. */
async function restoresWith(company: Company): Promise<void> {
  const target = join(company.place, 'restored');
  const restored = company.program(
    restic!.path,
    [
      '-r',
      company.environment['OFFSITE']!,
      '--no-cache',
      'restore',
      'latest',
      '--tag',
      'coffre:source=lyon/shop_db',
      '--target',
      target,
    ],
    resticEnvironment(company),
  );
  assert.equal(restored.code, 0, restored.stderr);
  const found = new DatabaseSync(join(target, 'sources/shop_db/shop.db'), { readOnly: true });
  const [row] = found.prepare('select count(*) as orders from orders').all();
  found.close();
  assert.deepEqual({ ...row }, { orders: 500 });
}
