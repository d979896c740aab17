/**
 * The value of `system.posix_acl_access` and `…_default`, little-endian, and the text that archives hold.
 *
 *   0  version u32, always 2
 *   4  entries of 8 bytes: tag u16, permissions u16 (4 read, 2 write, 1 execute), id u32
 */
const versionBytes = 4;
const entryBytes = 8;

const tags: Readonly<Record<number, { name: string; hasId: boolean }>> = {
  0x01: { name: 'user', hasId: false },
  0x02: { name: 'user', hasId: true },
  0x04: { name: 'group', hasId: false },
  0x08: { name: 'group', hasId: true },
  0x10: { name: 'mask', hasId: false },
  0x20: { name: 'other', hasId: false },
};

/** `user::rw-` and so on, one a line, ids as numbers; undefined when the bytes are no such list. */
export function formatAcl(bytes: Buffer): string | undefined {
  if (bytes.length < versionBytes || (bytes.length - versionBytes) % entryBytes !== 0) return undefined;
  if (bytes.readUInt32LE(0) !== 2) return undefined;
  let text = '';
  for (let at = versionBytes; at < bytes.length; at += entryBytes) {
    const tag = tags[bytes.readUInt16LE(at)];
    if (tag === undefined) return undefined;
    const permissions = bytes.readUInt16LE(at + 2);
    const letters = Array.from('rwx', (letter, i) => ((permissions & (4 >> i)) === 0 ? '-' : letter)).join('');
    text += `${tag.name}:${tag.hasId ? bytes.readUInt32LE(at + 4) : ''}:${letters}\n`;
  }
  return text;
}
