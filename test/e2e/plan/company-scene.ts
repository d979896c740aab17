/** The company of `company.yaml` on this machine, and the program as its administrator types it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { compiled } from '../../compiled.ts';
import { quicken } from '../../quick-key.ts';
import { launcher } from '../../program.ts';

export const coffre: string = launcher;
const configuration = fileURLToPath(new URL('company.yaml', import.meta.url));

export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type Part = {
  readonly kind: string;
  readonly source?: string;
  readonly repository: string;
  readonly outcome: string;
  readonly snapshot?: string;
  readonly figures: Readonly<Record<string, number>>;
};
export type RunJson = { readonly schema: 'coffre.run/1'; readonly outcome: string; readonly parts: readonly Part[] };

export type Company = Disposable & {
  readonly place: string;
  readonly environment: Readonly<Record<string, string>>;
  write(path: string, text: string): void;
  read(path: string): string;
  coffre(...words: readonly string[]): Promise<Ended>;
  /** A run whose end is told as JSON. */
  run(plan: string, code?: number): Promise<RunJson>;
  /** After `init`: the keys of both repositories give way to ones that open at once. */
  quicken(): Promise<void>;
  /** The program in another environment. */
  type(words: readonly string[], environment: Readonly<Record<string, string>>): Ended;
  program(name: string, words: readonly string[], more?: Readonly<Record<string, string>>): Ended;
};

export const password = 'vault key of the tests';

export function makeCompany(offsite: string, s3: { readonly id: string; readonly key: string }): Company {
  const place = mkdtempSync(join(tmpdir(), 'coffre-company-'));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), text);
  };
  write('etc/keys/repo.key', `${password}\n`);
  write('etc/keys/s3', `${s3.key}\n`);
  write('srv/shop/VERSION', '4.2.1\n');
  write('srv/shop/.env', 'MODE=production\n');
  write('srv/shop/compose.yml', 'services: {}\n');
  write('srv/shop/uploads/menu.txt', 'moules frites\n'.repeat(2000));
  write('srv/shop/uploads/half.tmp', 'not yet');
  for (const module of ['stock', 'orders'])
    write(`srv/shop/modules/${module}/state/now.toml`, `module = "${module}"\n`);
  write(
    'srv/shop/bin/maintenance',
    `#!/bin/sh\necho "$1 $COFFRE_PLAN $COFFRE_HOOK" >> "${place}/srv/shop/maintenance.log"\n`,
  );
  chmodSync(join(place, 'srv/shop/bin/maintenance'), 0o755);
  const database = new DatabaseSync(join(place, 'srv/shop/shop.db'));
  database.exec('create table orders (id integer primary key, dish text)');
  for (let order = 0; order < 500; order += 1)
    database.prepare('insert into orders (dish) values (?)').run(`dish ${order}`);
  database.close();
  copyFileSync(configuration, join(place, 'etc/coffre.yaml'));
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: place,
    ...compiled,
    TZ: 'UTC',
    PLACE: place,
    OFFSITE: offsite === '' ? join(place, 'mnt/offsite') : offsite,
    COFFRE_CONFIG: join(place, 'etc/coffre.yaml'),
    COFFRE_STATE_DIR: join(place, 'state'),
    COFFRE_S3_ID: s3.id,
  };
  const run: Company['coffre'] = async (...words) => {
    const child = spawn(coffre, words, { env: environment, cwd: place, stdio: ['ignore', 'pipe', 'pipe'] });
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
    }
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, ...texts };
  };
  return {
    place,
    environment,
    write,
    read: (path) => readFileSync(join(place, path), 'utf8'),
    coffre: run,
    run: async (plan, wanted = 0) => {
      const { code, stdout, stderr } = await run('run', plan, '--json');
      assert.equal(code, wanted, `${stdout}${stderr}`);
      const messages = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as RunJson);
      return messages.find(({ schema }) => schema === 'coffre.run/1')!;
    },
    quicken: async () => {
      const keys = { AWS_ACCESS_KEY_ID: s3.id, AWS_SECRET_ACCESS_KEY: s3.key, AWS_DEFAULT_REGION: 'us-east-1' };
      for (const address of [join(place, 'backup/coffre'), environment.OFFSITE]) await quicken(address, password, keys);
    },
    type: (words, variables) => {
      const { status, stdout, stderr } = spawnSync(coffre, words, { env: variables, cwd: place, encoding: 'utf8' });
      return { code: status, stdout, stderr };
    },
    program: (name, words, more = {}) => {
      const { status, stdout, stderr } = spawnSync(name, words, { env: { ...environment, ...more }, encoding: 'utf8' });
      return { code: status, stdout, stderr };
    },
    [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }),
  };
}
