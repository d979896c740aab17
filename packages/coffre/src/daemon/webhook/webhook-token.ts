/**
 * Who may start a plan from outside: a token for each plan, made from one key of this machine. It is sent as it is, or, as
 * GitHub, Gitea and Forgejo do, signs the body.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { makeFolders } from '@coffre/repository';

const keyBytes = 32;

/** Makes the key when there is none. Who takes the file away makes every token void. */
export function openWebhookKey(stateFolder: string): Buffer {
  makeFolders(stateFolder, 0o700);
  const path = join(stateFolder, 'webhook.key');
  try {
    return readFileSync(path);
  } catch {
    // Whole or not there; of two who make one at once the first counts.
    const temporary = `${path}.${process.pid}`;
    const file = openSync(temporary, 'wx', 0o600);
    writeSync(file, randomBytes(keyBytes));
    fsyncSync(file);
    closeSync(file);
    try {
      linkSync(temporary, path);
    } finally {
      rmSync(temporary);
    }
    return readFileSync(path);
  }
}

export function webhookToken(key: Buffer, plan: string): string {
  return createHmac('sha256', key).update(`webhook ${plan}`).digest('base64url');
}

/** Takes the same time whatever is wrong. */
export function mayCall(key: Buffer, plan: string, headers: IncomingHttpHeaders, body: Buffer): boolean {
  const token = webhookToken(key, plan);
  const signature = createHmac('sha256', token).update(body).digest('hex');
  const bearer = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const isNamed = isSame(bearer, token) || isSame(headerOf(headers, 'x-gitlab-token'), token);
  const signed = headerOf(headers, 'x-hub-signature-256') ?? headerOf(headers, 'x-gitea-signature');
  const isSigned = isSame(signed?.replace(/^sha256=/, ''), signature);
  return isNamed || isSigned;
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

function isSame(given: string | undefined, wanted: string): boolean {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(wanted)];
  // Of another length it is compared all the same, with itself.
  return timingSafeEqual(a.length === b.length ? a : b, b) && a.length === b.length;
}
