/** No setting of a source is accepted and then ignored. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFiles, isCoffreError } from '@coffre/repository';
import type { Config, Guards, SourceConfig, SourceName } from '../config/config.ts';
import { parseConfig, requireConfig } from '../config/parse.ts';
import { source as schema } from '../config/schema/sources.ts';
import { readYaml } from '../config/yaml-text.ts';
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { sourceSpecsOf } from './source-spec.ts';

/** Of everything that has a name in the schema; a key that is missing here fails the test below. */
const samples: Readonly<Record<string, string>> = {
  paths: '[/srv/x]',
  exclude: '["*.tmp"]',
  exclude_caches: 'true',
  exclude_if_present: '[.nobackup]',
  exclude_larger_than: '5 MB',
  one_file_system: 'true',
  module_from: '"modules/{module}/state/"',
  validate: 'toml',
  freeze: 'btrfs',
  guards: '{min_files: 3}',
  parallel_over: '5 GB',
  jobs: '7',
  options: '[--ignore-table=a.b]',
  content_sums: 'true',
  scratch: 'same_server',
  path: '/srv/other',
  continuous: '7s',
  method: 'aof',
  run: '[other]',
  load: '[tac]',
  filename: 'other.txt',
  timeout: '3m',
  use: 'other',
  settings: '{a: 1}',
};

const addressSamples: Readonly<Record<string, string>> = {
  url: 'SCHEME://ann@h/',
  service: 'shop',
  socket: '/run/x.sock',
  host: 'h',
  port: '77',
  database: 'one',
  databases: '[one, two]',
  exclude_databases: '[three]',
  user: 'ann',
  password: '"${secret:pw}"',
  tls: 'verify',
  ca_file: '/etc/ca.pem',
};

const schemes: Readonly<Record<string, string>> = {
  postgresql: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
  mongodb: 'mongodb',
  redis: 'redis',
};

const required: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  files: { paths: '[/srv/a]' },
  sqlite: { path: '/srv/a.db' },
  git: { path: '/srv/git' },
  command: { run: '[cat]' },
  extension: { use: 'kind' },
};

/** Used where plans, status and reports look at sources: they are no matter of how it is dumped. */
const ofEveryKind = new Set(['criticality', 'objectives', 'sensitive', 'hooks', 'waivers', 'application']);
/** Used elsewhere too: by whoever watches the database. */
const elsewhere = new Set(['sqlite.continuous']);

type Said = { readonly source: SourceConfig; readonly secrets: Config['secrets'] };

function sourceOf(type: string, keys: Readonly<Record<string, string>>): Said {
  const words = Object.entries({ type, ...required[type], ...keys }).map(([key, value]) => `${key}: ${value}`);
  const text = `version: 1
extensions: [./own.ts]
secrets: {pw: {env: PW}}
repositories: {r: {url: /srv/r, password: "\${secret:pw}"}}
sites: {here: {sources: {it: {${words.join(', ')}}}}}
`;
  const place = { variables: {}, systemZone: 'UTC' as ZoneName };
  const { sources, secrets } = requireConfig(parseConfig([readYaml({ file: 'coffre.yaml', text })], place));
  return { source: sources.get('here/it' as SourceName)!, secrets };
}

/** What the settings became, as far as text can tell; or why they are refused. */
async function made({ source, secrets }: Said): Promise<string> {
  const parts = {
    plan: { guards: {} as Guards },
    secrets,
    doors: {
      environment: { PW: 'secret' },
      readFile: async (path: string) =>
        Buffer.from(path.includes('pg_service') ? '[shop]\nhost=other\n' : '[shop]\nhost = other\n'),
      output: async () => Buffer.alloc(0),
    },
    files: createFiles(),
  };
  const read = new Set<string>();
  try {
    const specs = await sourceSpecsOf(watched(source, read), parts);
    const shown = JSON.stringify(specs, (_, value: unknown) => (typeof value === 'function' ? String(value) : value));
    return `${shown} ${[...read].toSorted().join(' ')}`;
  } catch (error) {
    if (isCoffreError(error, 'USAGE')) return `refused: ${error.message}`;
    throw error;
  }
}

/** Choices of files become functions, which look alike: for those it counts what was asked for. */
function watched(source: SourceConfig, read: Set<string>): SourceConfig {
  return new Proxy(source, {
    get(target, key, receiver) {
      const value: unknown = Reflect.get(target, key, receiver);
      const isSet = value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
      if (isSet && typeof key === 'string') read.add(key);
      return value;
    },
  });
}

for (const option of schema.options) {
  const type = option.shape.type.value;
  const keys = Object.keys(option.shape).filter((key) => key !== 'type' && !ofEveryKind.has(key));

  test(`every key of a ${type} source does something, or is refused`, async () => {
    const plain = await made(sourceOf(type, {}));
    for (const key of keys) {
      if (elsewhere.has(`${type}.${key}`) || key === 'connect' || (key === 'guards' && type !== 'files')) continue;
      const sample = samples[key];
      assert.ok(sample !== undefined, `${type}.${key} has no sample here`);
      assert.notEqual(await made(sourceOf(type, { [key]: sample })), plain, `${type}.${key} is ignored`);
    }
  });

  if (!keys.includes('connect')) continue;
  test(`every part of the address of a ${type} source does something, or is refused`, async () => {
    const plain = await made(sourceOf(type, {}));
    const shape = (option.shape as unknown as { connect: { def: { innerType: { shape: object } } } }).connect;
    for (const key of Object.keys(shape.def.innerType.shape)) {
      const sample = addressSamples[key]?.replace('SCHEME', schemes[type] ?? '');
      assert.ok(sample !== undefined, `${type}.connect.${key} has no sample here`);
      const base = key === 'ca_file' ? 'tls: verify' : key === 'password' ? 'user: ann' : '';
      const [without, having] = [base, [base, `${key}: ${sample}`].filter((one) => one !== '').join(', ')];
      const before = base === '' ? plain : await made(sourceOf(type, { connect: `{${without}}` }));
      assert.notEqual(await made(sourceOf(type, { connect: `{${having}}` })), before, `${type}.connect.${key}`);
    }
  });
}
