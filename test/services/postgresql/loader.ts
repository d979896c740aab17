/** A process of its own that loads what the test saved, and stops at a statement: there it is killed, or the server is. */
import { readFileSync } from 'node:fs';
import { deserialize } from 'node:v8';
import { Client } from 'pg';
import { postgresql } from '../../../packages/coffre/src/source/postgresql/postgresql.ts';
import { addressOf } from '../../../packages/coffre/src/source/postgresql/settings.ts';
import type { PostgresTruth } from '../../../packages/coffre/src/source/postgresql/truth.ts';
import { contextFor, savedFrom, usualSettings } from './scene.ts';

const [file = '', socket = '', programs = '', at = '0', when = 'before'] = process.argv.slice(2);
const { truth, files } = deserialize(readFileSync(file)) as { truth: PostgresTruth; files: Map<string, Uint8Array> };

stopAt(Number(at), when);
const settings = { ...usualSettings, address: addressOf({ socket, user: 'coffre' }), databases: ['shop'] };
const saved = savedFrom(truth, new Map([...files].map(([path, bytes]) => [path, Buffer.from(bytes)])));
await postgresql.load(saved, { to: undefined, overwrite: true, only: [], settings }, contextFor(programs));
process.disconnect?.();

/** At one of those that change something, or hold it for us. */
function stopAt(wanted: number, moment: string): void {
  const steps = /^(SELECT pg_advisory|CREATE|COMMENT|ALTER|BEGIN|COMMIT|DROP)/;
  const prototype = Client.prototype as unknown as { query: (this: Client, query: { text?: string }) => unknown };
  const { query } = prototype;
  let step = 0;
  prototype.query = async function (request) {
    const { text = '' } = request;
    const isMeant = steps.test(text) && (step += 1) === wanted;
    if (isMeant && moment === 'before') await stopHere(text);
    const answer = await query.call(this, request);
    if (isMeant) await stopHere(text);
    return answer;
  };
}

async function stopHere(text: string): Promise<void> {
  process.send?.(text);
  await new Promise(() => setInterval(() => undefined, 1000));
}
