import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assert as check, property, string } from 'fast-check';
import { auditCheckpoints, auditEntries, auditHead, removalsBefore } from '../store/audit-rows.ts';
import type { AuditCheckpointRow, AuditHead, AuditRow } from '../store/audit-rows.ts';
import { endRun, startRun } from '../store/runs.ts';
import { handClock, openScene } from '../store/testing/scene.ts';
import { checkpointFile, noHash, recordAudit } from './audit-log.ts';
import type { AuditEntry } from './audit-log.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Plain } from './canonical-json.ts';
import {
  judgeSignature,
  parseCheckpoint,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
  verifierKeyText,
} from './checkpoint.ts';
import type { SigningKey } from './checkpoint.ts';
import { grow, leafHash, rootOf } from './merkle-tree.ts';
import { keyFile, openSigningKey } from './signing-key.ts';
import { verifyLog } from './verify-log.ts';
import type { LogVerdict } from './verify-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'coffre-audit-'));
after(() => rmSync(folder, { recursive: true }));

const length = 9;

type Copy = { entries: AuditRow[]; head: AuditHead; checkpoints: AuditCheckpointRow[]; witness: string };

const entry = (n: number): AuditEntry => ({
  action: n % 2 === 0 ? 'forget' : 'prune',
  phase: 'done',
  who: { user: 'root', uid: 0 },
  from: { host: 'alpha', pid: 100 + n },
  target: { repository: 'ab'.repeat(32) },
  shown: { remove: [`${n}`, 'é\u2028'] },
  done: { removed: n },
});

/** A log as it is in the database, its witness beside it, and the key that signed. */
async function writeLog(name: string): Promise<{ copy: Copy; key: SigningKey }> {
  const home = join(folder, name);
  const key = openSigningKey(home);
  const clock = handClock();
  await using store = await openScene({ kind: 'sqlite', file: join(home, 'state.db') }, clock);
  for (let n = 0; n < length; n += 1) {
    clock.moveMs(1000);
    await recordAudit({ store, key, folder: home }, entry(n));
  }
  const head = await auditHead(store);
  assert.ok(head);
  const copy = {
    entries: await Array.fromAsync(auditEntries(store)),
    head,
    checkpoints: await auditCheckpoints(store),
    witness: readFileSync(checkpointFile(home), 'utf8'),
  };
  return { copy, key };
}

const { copy: honest, key } = await writeLog('honest');

async function judge(copy: Copy): Promise<LogVerdict> {
  return await verifyLog({
    entries: (async function* () {
      yield* copy.entries;
    })(),
    head: copy.head,
    checkpoints: copy.checkpoints,
    witnessed: [{ name: 'the witness', note: copy.witness }],
    keys: [key],
  });
}

const altered = (change: (copy: Copy) => void): Copy => {
  const copy = structuredClone(honest);
  change(copy);
  return copy;
};

/** Everything an attacker without the key can make fit again, from a position on: hashes, links, the head. */
function rebuild(copy: Copy, bodies: readonly { readonly [name: string]: Plain }[]): void {
  let previous = noHash;
  let peaks: string[] = [];
  copy.entries = bodies.map((body, position) => {
    const text = canonicalJson({ ...body, position, previous });
    const hash = leafHash(text);
    peaks = grow(peaks, position, hash);
    previous = hash;
    return { position, atMs: body['atMs'] as number, action: body['action'] as string, body: text, hash };
  });
  copy.head = { origin: copy.head.origin, size: bodies.length, lastHash: previous, peaks };
}

const bodiesOf = (copy: Copy): { readonly [name: string]: Plain }[] =>
  copy.entries.map(({ body }) => JSON.parse(body) as { readonly [name: string]: Plain });

const positions = Array.from({ length }, (_, n) => n);

test('an honest log is found good to its last entry', async () => {
  const verdict = await judge(honest);
  assert.deepEqual(verdict, { entries: length, signed: length, root: rootOf(honest.head.peaks), bad: undefined });
});

test('one flipped bit in any entry is found at its place', async () => {
  for (const n of positions) {
    for (const column of ['body', 'hash', 'action', 'atMs'] as const) {
      const copy = altered(({ entries }) => {
        const row = entries[n]!;
        const flip = (text: string): string =>
          text.replace(/[a-z0-9]/, (sign) => String.fromCharCode(sign.charCodeAt(0) ^ 1));
        entries[n] = { ...row, ...(column === 'atMs' ? { atMs: row.atMs ^ 1 } : { [column]: flip(row[column]) }) };
      });
      assert.equal((await judge(copy)).bad?.position, n, `${column} of ${n}`);
    }
  }
});

test('a deleted, inserted or moved entry is found at its place', async () => {
  for (const n of positions) {
    assert.equal((await judge(altered(({ entries }) => void entries.splice(n, 1)))).bad?.position, n, `deleted ${n}`);
    const renumbered = altered(({ entries }) => {
      entries.splice(n, 1);
      for (const [position, row] of entries.entries()) entries[position] = { ...row, position };
    });
    assert.equal((await judge(renumbered)).bad?.position, n, `deleted ${n} and renumbered`);
    const inserted = altered(({ entries }) => {
      entries.splice(n, 0, entries[n]!);
      for (const [position, row] of entries.entries()) entries[position] = { ...row, position };
    });
    assert.equal((await judge(inserted)).bad?.position, n + 1, `doubled ${n}`);
    if (n + 1 === length) continue;
    const swapped = altered(({ entries }) => {
      const [one, two] = [entries[n]!, entries[n + 1]!];
      entries[n] = { ...two, position: n };
      entries[n + 1] = { ...one, position: n + 1 };
    });
    assert.equal((await judge(swapped)).bad?.position, n, `swapped ${n}`);
  }
});

test('a log cut short is found where it ends, with whatever else was cut to fit', async () => {
  for (const n of positions) {
    const cut = altered((copy) => void copy.entries.splice(n));
    assert.equal((await judge(cut)).bad?.position, n);
    const fitting = altered((copy) => {
      rebuild(copy, bodiesOf(copy).slice(0, n));
      copy.checkpoints = copy.checkpoints.filter(({ size }) => size <= n);
    });
    assert.equal((await judge(fitting)).bad?.position, n, 'only the witness remembers');
  }
});

test('a log that was emptied with all that is signed beside it is betrayed by the history of runs', async () => {
  const clock = handClock();
  await using store = await openScene({ kind: 'sqlite', file: join(folder, 'emptied.db') }, clock);
  const log = { store, key, folder: join(folder, 'emptied') };
  const verdict = async (): Promise<LogVerdict> =>
    await verifyLog({
      entries: auditEntries(store),
      head: await auditHead(store),
      checkpoints: await auditCheckpoints(store),
      witnessed: [],
      keys: [key],
      removalsBefore: async (atMs) => await removalsBefore(store, atMs),
    });
  const retains = async (snapshotsRemoved: number): Promise<void> => {
    const at = { host: 'alpha', pid: 1, bootId: 'boot', trigger: 'schedule', plan: 'db', repository: 'main' } as const;
    clock.moveMs(1000);
    const run = await startRun(store, { ...at, kind: 'retention' });
    if (snapshotsRemoved > 0) await recordAudit(log, entry(0));
    clock.moveMs(1000);
    await endRun(store, run, { outcome: 'success', figures: { snapshotsRemoved } });
  };
  openSigningKey(log.folder);
  await retains(0);
  assert.equal((await verdict()).bad, undefined, 'nothing was removed, nothing is on record');
  await retains(2);
  assert.equal((await verdict()).bad, undefined);
  for (const table of ['audit_entries', 'audit_head', 'audit_checkpoints'] as const) {
    await store.db.deleteFrom(table).execute();
  }
  const reason = 'the history has 1 run that removed something and left no entry, the first at 2026-08-20T14:00:04Z';
  assert.deepEqual((await verdict()).bad, { position: 0, reason: `it is empty: ${reason}` });
  await retains(1);
  assert.deepEqual((await verdict()).bad, { position: 0, reason: `it begins too late: ${reason}` });
});

test('history written anew from any entry on is found there, although every hash fits', async () => {
  for (const n of positions) {
    const forked = altered((copy) => {
      const bodies = bodiesOf(copy);
      bodies[n] = { ...bodies[n]!, done: { removed: 0 }, who: { user: 'somebody', uid: 1000 } };
      rebuild(copy, bodies);
    });
    assert.equal((await judge(forked)).bad?.position, n);
    const hidden = structuredClone(forked);
    hidden.checkpoints = hidden.checkpoints.filter(({ size }) => size <= n);
    assert.equal((await judge(hidden)).bad?.position, n, 'checkpoints taken out');
    const dropped = altered((copy) => {
      const bodies = bodiesOf(copy);
      bodies.splice(n, 1);
      rebuild(copy, bodies);
    });
    // Without its last entry the rest is only shorter.
    assert.equal((await judge(dropped)).bad?.position, n, 'one taken out and all linked again');
  }
});

test('checkpoints signed with another key do not vouch for a rewritten log', async () => {
  const pair = generateKeyPairSync('ed25519');
  const forger = { ...verifierKey(key.name, pair.publicKey), privateKey: pair.privateKey };
  for (const n of positions) {
    const forked = altered((copy) => {
      const bodies = bodiesOf(copy);
      bodies[n] = { ...bodies[n]!, done: { removed: 0 } };
      rebuild(copy, bodies);
      let peaks: string[] = [];
      const { origin } = copy.head;
      const checkpoints = copy.checkpoints.map((row, position) => {
        peaks = grow(peaks, position, copy.entries[position]!.hash);
        const size = position + 1;
        return size <= n ? row : { ...row, note: signCheckpoint({ origin, size, root: rootOf(peaks) }, forger) };
      });
      copy.checkpoints = checkpoints;
      copy.witness = checkpoints.at(-1)!.note;
    });
    assert.equal((await judge(forked)).bad?.position, n);
    const claimed = structuredClone(forked);
    claimed.checkpoints = claimed.checkpoints.map((row) => ({
      ...row,
      note: row.note.replace(/\u2014 .*/, '\u2014 coffre.audit AAAA'),
    }));
    assert.notEqual((await judge(claimed)).bad, undefined);
  }
});

test('the tree hash is that of RFC 6962, whatever the number of leaves', () => {
  const node = (left: Buffer, right: Buffer): Buffer =>
    createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();
  const mth = (leaves: readonly string[]): Buffer => {
    if (leaves.length === 0) return createHash('sha256').digest();
    if (leaves.length === 1) return createHash('sha256').update(Buffer.of(0)).update(leaves[0]!).digest();
    const half = 2 ** Math.floor(Math.log2(leaves.length - 1));
    return node(mth(leaves.slice(0, half)), mth(leaves.slice(half)));
  };
  let peaks: string[] = [];
  const leaves: string[] = [];
  assert.equal(rootOf([]), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  for (let size = 0; size < 70; size += 1) {
    leaves.push(`entry ${size}`);
    peaks = grow(peaks, size, leafHash(`entry ${size}`));
    assert.equal(rootOf(peaks), mth(leaves).toString('hex'), `${size + 1} leaves`);
  }
});

test('the canonical text of a value is one, and reads back as it', () => {
  check(
    property(string({ unit: 'binary' }), (piece) => {
      const value = { [piece]: [piece, { z: -1, [`${piece}a`]: true }, [], {}, null] };
      const text = canonicalJson(value);
      assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
      assert.equal(canonicalJson(JSON.parse(text) as Plain), text);
    }),
    { numRuns: 40 },
  );
  assert.equal(canonicalJson({ b: 1, a: { d: undefined, c: ['é', null] } }), '{"a":{"c":["é",null]},"b":1}');
});

test('a key as text is the same key, and one changed sign makes it none', () => {
  const text = verifierKeyText(key);
  assert.equal(parseVerifierKey(text)?.id, key.id);
  const parsed = parseCheckpoint(honest.witness);
  assert.ok(parsed);
  assert.equal(judgeSignature(parsed, [parseVerifierKey(text)!]), 'good');
  assert.equal(parseVerifierKey(text.replace(/\+./, (begin) => (begin === '+0' ? '+1' : '+0'))), undefined);
  assert.equal(parseVerifierKey('nothing'), undefined);
});

test('the key is made once, and its owner alone can read it', () => {
  const home = join(folder, 'new', 'state');
  const made = openSigningKey(home);
  assert.equal(openSigningKey(home).id, made.id);
  assert.equal(statSync(keyFile(home)).mode & 0o777, 0o600);
  assert.equal(statSync(home).mode & 0o777, 0o700);
});
