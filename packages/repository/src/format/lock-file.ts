/**
 * A lock file: sealed JSON (compressed in version 2), members in this order.
 *
 *   {"time":…,"exclusive":false,"hostname":…,"username":…,"pid":4711,"uid":1000,"gid":1000,"boot_id":…}
 *
 * `uid` and `gid` are left out when 0. `boot_id` is ours: with it, a pid that is gone is known to be gone for good.
 */
import { jsonText } from './gojson.ts';
import { parseJson } from './parse-json.ts';
import { flag, object, optional, text, timeText, u32, whole } from './shape.ts';

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

const name = optional(text({ charsMax: 4096 }));

const schema = object({
  time: timeText,
  exclusive: flag,
  hostname: name,
  username: name,
  pid: optional(whole()),
  uid: optional(u32),
  gid: optional(u32),
  boot_id: name,
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
