/** The same requests to our server and to the real rest-server: where the answers differ, the reason stands here. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ask, nameOf, sampleFile } from '../../packages/coffre/src/repo-server/server-stage.ts';
import type { Asked, Reply } from '../../packages/coffre/src/repo-server/server-stage.ts';
import { skipWithoutService } from './programs.ts';
import { startRestServer } from './rest-server.ts';
import { startServeRepo } from './serve-repo.ts';

type Case = Partial<Asked> & {
  readonly path: string;
  /** Where we mean to differ: our status and why. */
  readonly ours?: readonly [number, string];
};

const [pack, other, index, lock, key, snapshot, config] = (
  ['data', 'data', 'index', 'locks', 'keys', 'snapshots', 'config'] as const
).map((kind) => sampleFile(kind)) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
const at = (kind: string, bytes: Buffer): string => `/r/${kind}/${nameOf(bytes)}`;
const packPath = at('data', pack);
const garbage = Buffer.from('hello');
const v1 = 'application/vnd.x.restic.rest.v1';
const v2 = 'application/vnd.x.restic.rest.v2';
const range = (text: string, ours?: Case['ours']): Case => ({
  path: packPath,
  headers: { Range: text },
  ...(ours === undefined ? {} : { ours }),
});
const post = (path: string, body: Buffer, ours?: Case['ours']): Case => ({
  method: 'POST',
  path,
  body,
  ...(ours === undefined ? {} : { ours }),
});
const noShape = [400, 'what cannot be a file of its kind is refused'] as const;
const oneSlash = 'several slashes are one; rest-server redirects to that';
const neverMade = [404, 'a repository that was never made does not come into being by an upload'] as const;

/** In this order: later ones build on earlier ones. */
const story: readonly Case[] = [
  { path: '/r/config' },
  { path: '/r/keys/' },
  post('/r/config', config, [404, 'there is no repository yet; rest-server fails with 500']),
  { method: 'POST', path: '/r/' },
  { method: 'POST', path: '/r/?create=yes' },
  { method: 'POST', path: '/r?create=true' },
  { method: 'POST', path: '/r/?create=true' },
  { method: 'POST', path: '/r/?create=true' },
  { method: 'POST', path: '/a/b/c/?create=true' },
  { method: 'POST', path: '/r/?create=true&create=no' },
  { method: 'HEAD', path: '/r/config' },
  post('/r/config', config),
  post('/r/config', config),
  { method: 'HEAD', path: '/r/config' },
  { path: '/r/config' },
  { path: '/r/config', headers: { Range: 'bytes=0-3' }, ours: [206, 'a range of the config is answered like any'] },
  { method: 'PUT', path: '/r/config', body: config },
  { path: '/r/config/' },
  { path: '/r/config/x' },
  post(packPath, pack),
  post(packPath, pack),
  post(packPath, other),
  post(at('data', other), pack),
  post(at('index', index), index),
  post(at('locks', lock), lock),
  post(at('keys', key), key),
  post(at('snapshots', snapshot), snapshot),
  { method: 'POST', path: at('snapshots', other), body: garbage, chunked: true },
  post(at('snapshots', index), snapshot),
  post(`/new/locks/${nameOf(lock)}`, lock, neverMade),
  { path: packPath },
  { method: 'HEAD', path: packPath },
  { path: at('data', Buffer.from('absent')) },
  { method: 'HEAD', path: at('data', Buffer.from('absent')) },
  { method: 'OPTIONS', path: packPath },
  { method: 'PATCH', path: packPath },
  { path: `/r/data/${nameOf(pack).toUpperCase()}` },
  { path: `/r/data/${nameOf(pack).slice(1)}` },
  { path: `/r/data/${nameOf(pack).slice(0, 2)}/${nameOf(pack)}` },
  { path: `/r/blah/${nameOf(pack)}` },
  { path: `/r/keys/${nameOf(pack)}` },
  range('bytes=0-1'),
  range('bytes=-2'),
  range('bytes=3-'),
  range('bytes=0-999'),
  range('bytes=-999'),
  range('bytes= 0-1'),
  range('bytes=200-'),
  range('bytes=999-1000'),
  range('bytes=3-1'),
  range('bytes=abc'),
  range('items=0-1'),
  range('bytes='),
  range('bytes=-0', [416, 'the last no bytes are no range']),
  range('bytes=0-0,2-2', [200, 'several ranges are answered with the whole file']),
  { method: 'HEAD', path: packPath, headers: { Range: 'bytes=0-1' } },
  { path: '/r/data/', headers: { Accept: v2 } },
  { path: '/r/data/', headers: { Accept: v1 } },
  { path: '/r/data/' },
  { path: '/r/data/', headers: { Accept: `${v2}, */*` } },
  { path: '/r/keys/', headers: { Accept: v2 } },
  { path: '/r/data' },
  { method: 'HEAD', path: '/r/data/' },
  { method: 'POST', path: '/r/data/' },
  { method: 'DELETE', path: '/r/data/' },
  { path: '/r/' },
  { method: 'DELETE', path: '/r/' },
  { path: '/r' },
  { path: '/' },
  { path: '/x' },
  { path: '/data/' },
  { path: '/a/b/c/config' },
  { path: '/a/b/c/d/config' },
  { path: '/r/../r/config', ours: [404, 'rest-server redirects to what remains without the dots'] },
  { path: '/r/%2e%2e/r/config' },
  { path: '/%2e%2e/%2e%2e/etc/config' },
  { path: '/r%2Fconfig' },
  { path: '/r%2Fs/config' },
  { path: '/r/%zz' },
  { path: '/r/a%00b/config' },
  { path: '//r/config', ours: [200, oneSlash] },
  { path: '/r//config', ours: [200, oneSlash] },
  { path: '/.htpasswd' },
  { path: '/.htpasswd/config' },
  { method: 'DELETE', path: at('index', Buffer.from('absent')) },
  { method: 'DELETE', path: at('index', index) },
  { path: at('index', index) },
  { method: 'DELETE', path: at('locks', lock) },
  { method: 'DELETE', path: '/r/config' },
  { method: 'HEAD', path: '/r/config' },
  { method: 'DELETE', path: '/r/config' },
  post(at('data', garbage), garbage, noShape),
  post(at('keys', garbage), garbage, noShape),
  post(at('locks', Buffer.alloc(0)), Buffer.alloc(0), noShape),
];

/** What a client acts on. */
function meaningOf({ status, headers, body }: Reply, asked: Case): unknown {
  const isList = asked.path.endsWith('/') && status === 200 && body.length > 0;
  return {
    status,
    ...(status === 405 ? { allow: headers.allow } : {}),
    ...(status === 206 ? { range: headers['content-range'] } : {}),
    ...(asked.method === 'HEAD' && status === 200 ? { length: headers['content-length'] } : {}),
    ...(isList ? { type: headers['content-type'], list: JSON.parse(body.toString()) as unknown } : {}),
    ...(!isList && status < 300 && asked.method === undefined ? { body: body.toString('hex') } : {}),
  };
}

async function compare(ports: { theirs: number; ours: number }, asked: Case): Promise<string[]> {
  const { method = 'GET', ours: meant, ...rest } = asked;
  const [theirs, ours] = await Promise.all([
    ask(ports.theirs, { method, ...rest }),
    ask(ports.ours, { method, ...rest }),
  ]);
  const what = `${method} ${asked.path} ${JSON.stringify(asked.headers ?? {})}`;
  if (meant !== undefined) {
    const differs = theirs.status !== ours.status || !theirs.body.equals(ours.body);
    return ours.status === meant[0] && differs ? [] : [`${what}: ${ours.status}, but ${theirs.status} there`];
  }
  const [a, b] = [meaningOf(theirs, asked), meaningOf(ours, asked)].map((it) => JSON.stringify(it).slice(0, 300));
  return a === b ? [] : [`${what}: we say ${b}, rest-server says ${a}`];
}

describe('beside rest-server', { skip: skipWithoutService('rest-server') }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-peer-'));
  after(() => rmSync(folder, { recursive: true }));
  const htpasswd = join(folder, 'htpasswd');
  const sha = (password: string): string => `{SHA}${createHash('sha1').update(password).digest('base64')}`;
  writeFileSync(htpasswd, `me:${sha('secret')}\nyou:${sha('other')}\nmetrics:${sha('m')}\n`);
  const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`;

  test('every request has the same answer, or a reason why not', async () => {
    await using theirs = await startRestServer();
    await using ours = await startServeRepo();
    const differences: string[] = [];
    for (const one of story) differences.push(...(await compare({ theirs: theirs.port!, ours: ours.port }, one)));
    assert.deepEqual(differences, []);
  });

  test('append-only means the same', async () => {
    await using theirs = await startRestServer({ flags: ['--append-only'] });
    await using ours = await startServeRepo({ flags: ['--append-only'] });
    const files = [pack, index, lock, key, snapshot];
    const kinds = ['data', 'index', 'locks', 'keys', 'snapshots'];
    const cases: Case[] = [
      { method: 'POST', path: '/r/?create=true' },
      post('/r/config', config),
      ...kinds.map((kind, i) => post(at(kind, files[i]!), files[i]!)),
      ...kinds.map((kind, i) => ({ method: 'DELETE', path: at(kind, files[i]!) })),
      ...kinds.map((kind) => ({ method: 'DELETE', path: at(kind, other) })),
      ...kinds.map((kind) => ({ path: `/r/${kind}/` })),
      { method: 'DELETE', path: '/r/config' },
      post('/r/config', config),
    ];
    const differences: string[] = [];
    for (const one of cases) differences.push(...(await compare({ theirs: theirs.port!, ours: ours.port }, one)));
    assert.deepEqual(differences, []);
  });

  test('who may see what is the same, and a refusal says how to log in', async () => {
    const flags = ['--private-repos'];
    await using theirs = await startRestServer({ flags: [...flags, `--htpasswd-file=${htpasswd}`, '--prometheus'] });
    await using ours = await startServeRepo({ flags: [...flags, '--htpasswd', htpasswd, '--metrics'] });
    const logins = [undefined, 'me:secret', 'me:wrong', 'you:other', 'nobody:x', 'me', ':', 'metrics:m'];
    const paths = ['/me/?create=true', '/me/repo/?create=true', '/you/repo/?create=true', '/?create=true', '/metrics'];
    const differences: string[] = [];
    for (const login of logins) {
      const headers = login === undefined ? {} : { Authorization: basic(login) };
      // Few guesses, because ours makes the next one wait.
      const isGuess = login === undefined || ['me:wrong', 'nobody:x', ':'].includes(login);
      for (const path of isGuess ? paths.slice(1, 2) : paths) {
        const one: Case = path === '/metrics' ? { path, headers } : { method: 'POST', path, headers };
        if (path === '/metrics' && login === 'metrics:m') continue;
        differences.push(...(await compare({ theirs: theirs.port!, ours: ours.port }, one)));
      }
    }
    assert.deepEqual(differences, []);
    const refusal = await ask(ours.port, { method: 'GET', path: '/me/config' });
    assert.match(String(refusal.headers['www-authenticate']), /^Basic /);
    const figures = await ask(ours.port, {
      method: 'GET',
      path: '/metrics',
      headers: { Authorization: basic('metrics:m') },
    });
    assert.match(figures.body.toString(), /coffre_repo_server_requests_total\{method="POST",status="200"\} /);
    assert.ok(!ours.log().includes('secret'));
  });
});
