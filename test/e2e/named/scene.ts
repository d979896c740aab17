/** A folder with files, a database, a configuration of two repositories, and the program as a user runs it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { createLocalBackend } from '@coffre/repository';
import { createSampleHost, createSampleRepository, createSeededRandom } from '@coffre/repository/testing';
import { compiled } from '../../compiled.ts';
import { launcher, sourceLauncher } from '../../program.ts';

export type Ran = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

export type Scene = {
  readonly folder: string;
  readonly uploads: string;
  readonly shop: string;
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly run: (...words: readonly string[]) => Ran;
  /** @returns what it printed */
  readonly good: (...words: readonly string[]) => string;
  readonly json: (...words: readonly string[]) => unknown;
  /** Makes the repositories, with keys that open at once, and applies the configuration. */
  readonly prepare: () => Promise<void>;
  readonly configure: (more?: string) => void;
};

export function createScene(t: TestContext, { fromSources = false } = {}): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-named-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const uploads = join(folder, 'srv', 'uploads');
  const shop = join(folder, 'srv', 'shop.db');
  const file = join(folder, 'coffre.yaml');
  mkdirSync(uploads, { recursive: true });
  writeFileSync(join(uploads, 'one.txt'), 'one\n');
  writeFileSync(join(uploads, 'two.txt'), 'two\n');
  writeShop(shop, ['anvil', 'rope']);
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    ...compiled,
    TZ: 'UTC',
    REPO_KEY: 'named',
    COFFRE_STATE_DIR: join(folder, 'state'),
  };
  const run = (...words: readonly string[]): Ran => {
    const program = fromSources ? sourceLauncher : launcher;
    const { status, stdout, stderr } = spawnSync(program, words, { env, encoding: 'utf8', cwd: folder });
    return { status, stdout, stderr };
  };
  const good = (...words: readonly string[]): string => {
    const ran = run(...words);
    assert.equal(ran.status, 0, `${words.join(' ')}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  };
  const configure = (more = ''): void => writeFileSync(file, configuration(folder, more));
  configure();
  const prepare = async (): Promise<void> => {
    for (const [seed, name] of ['local', 'offsite'].entries()) {
      const host = createSampleHost({ random: createSeededRandom(seed + 1) });
      const backend = createLocalBackend({ path: join(folder, name) });
      await using made = (await createSampleRepository({ backend, host, password: env.REPO_KEY })).repository;
      assert.ok(made.config.id);
    }
    good('apply', '--confirm');
  };
  return {
    folder,
    uploads,
    shop,
    file,
    environment: env,
    run,
    good,
    configure,
    prepare,
    json: (...words) => JSON.parse(good(...words, '--json')) as unknown,
  };
}

export function writeShop(path: string, items: readonly string[]): void {
  const database = new DatabaseSync(path);
  try {
    database.exec('create table if not exists items (name text)');
    for (const item of items) database.prepare('insert into items values (?)').run(item);
  } finally {
    database.close();
  }
}

export function itemsOf(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database
      .prepare('select name from items order by rowid')
      .all()
      .map((row) => String(row['name']));
  } finally {
    database.close();
  }
}

function configuration(folder: string, more: string): string {
  return `version: 1
timezone: Europe/Paris
secrets: {key: {env: REPO_KEY}}
repositories:
  local: {url: ${folder}/local, password: "\${secret:key}", medium: disk, place: here}
  offsite: {url: ${folder}/offsite, password: "\${secret:key}", medium: object, place: there}
sites:
  lyon:
    sources:
      uploads: {type: files, paths: [${folder}/srv/uploads]}
      shop: {type: sqlite, path: ${folder}/srv/shop.db}
plans:
  nightly:
    sources: [lyon/uploads, lyon/shop]
    to: local
    copy: {offsite: {after: each}}
    schedule: {every: 6h}
    retention: {local: {daily: 30, floor: 3}}
${more}`;
}
