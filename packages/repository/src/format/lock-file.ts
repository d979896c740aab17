/**
 * A lock file: sealed JSON (compressed in version 2), members in this order.
 *
 *   {"time":…,"exclusive":false,"hostname":…,"username":…,"pid":4711,"uid":1000,"gid":1000,"boot_id":…}
 *
 * `uid` and `gid` are left out when 0. `boot_id` is ours: with it, a pid that is gone is known to be gone for good.
 */
import { z } from 'zod';
import { jsonText } from './gojson.ts';
import { parseJson, timeText, u32 } from './parse-json.ts';

export type LockFile = {
  /** RFC 3339: when it was taken or last refreshed */
  readonly time: string;
  readonly exclusive: boolean;
  readonly hostname: string;
  readonly username: string;
  readonly pid: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly boot_id?: string;
};

const text = z.string().max(4096).nullish();

const schema = z.object({
  time: timeText,
  exclusive: z.boolean(),
  hostname: text,
  username: text,
  pid: z.int().nullish(),
  uid: u32.nullish(),
  gid: u32.nullish(),
  boot_id: text,
});

/** @throws {CoffreError} REPO_FILE_DAMAGED */
export function parseLockFile(bytes: Uint8Array): LockFile {
  const { time, exclusive, hostname, username, pid, uid, gid, boot_id } = parseJson(
    bytes,
    schema,
    'lock file',
    'REPO_FILE_DAMAGED',
  );
  return {
    time,
    exclusive,
    hostname: hostname ?? '',
    username: username ?? '',
    pid: pid ?? 0,
    ...(uid != null && { uid }),
    ...(gid != null && { gid }),
    ...(boot_id != null && { boot_id }),
  };
}

export function encodeLockFile(lock: LockFile): Buffer {
  const { time, exclusive, hostname, username, pid, uid, gid, boot_id } = lock;
  const members = { time, exclusive, hostname, username, pid, uid: uid || undefined, gid: gid || undefined, boot_id };
  return Buffer.from(jsonText(members), 'utf8');
}
