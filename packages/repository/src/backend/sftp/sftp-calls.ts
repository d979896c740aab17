import { SftpStatusError, isStatus } from './sftp-errors.ts';
import { createReader, notSftp, openFlags, statusCode } from './sftp-packets.ts';
import type { Attributes, NameEntry, Reply, RequestType } from './sftp-packets.ts';
import type { SftpSession } from './sftp-session.ts';

/** One SFTP request each, with its answer checked. @throws {SftpStatusError} */

const noAttributes = { uint32: 0 };
const permissionsOnly = { uint32: 0x4 };
const posixRename = 'posix-rename@openssh.com';
const fsync = 'fsync@openssh.com';

type Fields = Parameters<SftpSession['request']>[1];

export async function openToRead(session: SftpSession, path: string): Promise<Buffer> {
  return handleOf(await session.request('open', [path, { uint32: openFlags.read }, noAttributes]));
}

/** Fails where the name exists. */
export async function createNew(session: SftpSession, path: string, mode: number): Promise<Buffer> {
  const flags = { uint32: openFlags.write | openFlags.create | openFlags.exclusive };
  return handleOf(await session.request('open', [path, flags, permissionsOnly, { uint32: mode }]));
}

export async function closeHandle(session: SftpSession, handle: Buffer): Promise<void> {
  await expectOk(session, 'close', [handle]);
}

/** Up to `length` bytes, at least one; undefined at the end of the file. */
export async function readAt(
  session: SftpSession,
  handle: Buffer,
  offset: number,
  length: number,
): Promise<Buffer | undefined> {
  const reply = await session.request('read', [handle, { uint64: offset }, { uint32: length }]);
  if (reply.kind === 'status' && reply.status === statusCode.endOfFile) return undefined;
  if (reply.kind !== 'data') throw unexpected(reply);
  if (reply.data.byteLength > length) throw notSftp('it sent more bytes than were asked for');
  return reply.data.byteLength === 0 ? undefined : reply.data;
}

export async function writeAt(
  session: SftpSession,
  handle: Buffer,
  offset: number,
  length: number,
  fill: (into: Buffer) => void,
): Promise<void> {
  ok(await session.write(handle, offset, length, fill));
}

export async function statHandle(session: SftpSession, handle: Buffer): Promise<Attributes> {
  return attributesOf(await session.request('fstat', [handle]));
}

export async function statPath(session: SftpSession, path: string): Promise<Attributes> {
  return attributesOf(await session.request('stat', [path]));
}

export async function setMode(session: SftpSession, handle: Buffer, mode: number): Promise<void> {
  await expectOk(session, 'fsetstat', [handle, permissionsOnly, { uint32: mode }]);
}

export async function removePath(session: SftpSession, path: string): Promise<void> {
  await expectOk(session, 'remove', [path]);
}

export async function makeFolder(session: SftpSession, path: string, mode: number): Promise<void> {
  await expectOk(session, 'mkdir', [path, permissionsOnly, { uint32: mode }]);
}

/** All entries but `.` and `..`, with what the server tells about them (of a link itself, not its target). */
export async function readFolder(session: SftpSession, path: string): Promise<NameEntry[]> {
  const handle = handleOf(await session.request('opendir', [path]));
  const entries: NameEntry[] = [];
  try {
    for (;;) {
      const reply = await session.request('readdir', [handle]);
      if (reply.kind === 'status' && reply.status === statusCode.endOfFile) break;
      if (reply.kind !== 'names') throw unexpected(reply);
      entries.push(...reply.entries);
    }
  } finally {
    await closeHandle(session, handle).catch(() => undefined);
  }
  return entries.filter(({ name }) => name !== '.' && name !== '..');
}

export function canReplace(session: SftpSession): boolean {
  return session.extensions.has(posixRename);
}

/** Replaces the target where `canReplace`; elsewhere an existing target makes it fail. */
export async function renamePath(session: SftpSession, from: string, to: string): Promise<void> {
  if (canReplace(session)) return expectOk(session, 'extended', [posixRename, from, to]);
  return expectOk(session, 'rename', [from, to]);
}

/** Brings a file, or a folder opened to read, to the disk; nothing where the server does not offer it. */
export async function flush(session: SftpSession, handle: Buffer): Promise<void> {
  if (!session.extensions.has(fsync)) return;
  try {
    await expectOk(session, 'extended', [fsync, handle]);
  } catch (error) {
    if (!isStatus(error, 'unsupported')) throw error;
  }
}

/** Bytes and files that may still be written below the path; undefined where the server does not tell. */
export async function freeSpace(
  session: SftpSession,
  path: string,
): Promise<{ freeBytes: number; freeFiles: number } | undefined> {
  if (!session.extensions.has('statvfs@openssh.com')) return undefined;
  const reply = await session.request('extended', ['statvfs@openssh.com', path]);
  if (reply.kind !== 'extended') return undefined;
  const reader = createReader(reply.payload);
  // bsize, frsize, blocks, bfree, bavail, files, ffree, favail
  const [, fragmentBytes = 0, , , freeFragments = 0, files = 0, , freeFiles = 0] = Array.from({ length: 8 }, () =>
    reader.uint64(),
  );
  // File systems without a table of files say 0 of 0.
  return { freeBytes: fragmentBytes * freeFragments, freeFiles: files === 0 ? Infinity : freeFiles };
}

async function expectOk(session: SftpSession, type: RequestType, fields: Fields): Promise<void> {
  ok(await session.request(type, fields));
}

function ok(reply: Reply): void {
  if (reply.kind !== 'status' || reply.status !== statusCode.ok) throw unexpected(reply);
}

function handleOf(reply: Reply): Buffer {
  if (reply.kind !== 'handle') throw unexpected(reply);
  // It outlives its packet.
  return Buffer.from(reply.handle);
}

function attributesOf(reply: Reply): Attributes {
  if (reply.kind !== 'attributes') throw unexpected(reply);
  return reply.attributes;
}

function unexpected(reply: Reply): Error {
  if (reply.kind === 'status' && reply.status !== statusCode.ok)
    return new SftpStatusError(reply.status, reply.message);
  return notSftp(`it answered with ${reply.kind}`);
}
