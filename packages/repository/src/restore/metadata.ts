/** Owner, attributes, mode and times of one entry, in the order in which the kernel lets them survive each other. */
import { unixMode } from '../format/mode.ts';
import type { ExtendedAttribute, Timestamp, TreeNode } from '../format/tree.ts';
import type { Accounts } from '../host/accounts.ts';
import type { AnyHandle, Handles } from '../host/handles.ts';
import { codeOf } from '../host/native.ts';
import { toByteString } from '../format/bytestring.ts';
import { compilePatterns } from '../select/patterns.ts';
import type { XattrRules } from './options.ts';
import type { Dropped } from './report.ts';

/** Plain data: it crosses to the threads. */
export type Metadata = {
  /** Permission bits with setuid, setgid and sticky; absent for symbolic links, which have none. */
  readonly permissions?: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly xattrs?: readonly ExtendedAttribute[];
};

export type MetadataRules = {
  /** Of this process: root's failures are errors, anyone else's are expected. */
  readonly isRoot: boolean;
  readonly xattrs: XattrRules;
  readonly safe: boolean;
};

const setIdBits = 0o6000;
const capabilityXattr = 'security.capability';

export function metadataOf(node: TreeNode, rules: { safe: boolean; accounts: Accounts | undefined }): Metadata {
  const byName = rules.accounts;
  const xattrs = node.extendedAttributes?.filter(({ name }) => !(rules.safe && name === capabilityXattr));
  return {
    ...(node.type === 'symlink' ? {} : { permissions: unixMode(node.mode ?? 0, node.type) & 0o7777 }),
    uid: (node.user === undefined ? undefined : byName?.userId(node.user)) ?? node.uid,
    gid: (node.group === undefined ? undefined : byName?.groupId(node.group)) ?? node.gid,
    atime: node.atime,
    mtime: node.mtime,
    ...(xattrs === undefined || xattrs.length === 0 ? {} : { xattrs }),
  };
}

export function xattrSelection({ include, exclude }: XattrRules): (name: string) => boolean {
  if (include !== undefined) {
    const matcher = compilePatterns(include);
    return (name) => matcher.matches(toByteString(name));
  }
  if (exclude === undefined) return () => true;
  const matcher = compilePatterns(exclude);
  return (name) => !matcher.matches(toByteString(name));
}

export type MetadataWriter = {
  /** Everything that can be set is set; then the first failure is thrown. */
  apply(handle: AnyHandle, metadata: Metadata, isFolder?: boolean): void;
};

export function createMetadataWriter(handles: Handles, rules: MetadataRules, dropped: Dropped): MetadataWriter {
  const wantsXattr = xattrSelection(rules.xattrs);

  /** Resolves to whether it worked; what this user may not do is counted instead of thrown. */
  const permitted = (count: 'owners' | 'xattrs', act: () => void): boolean => {
    try {
      act();
      return true;
    } catch (error) {
      const code = codeOf(error);
      const unsupported = count === 'xattrs' && (code === 'ENOTSUP' || code === 'EOPNOTSUPP');
      const forbidden = !rules.isRoot && (code === 'EPERM' || code === 'EACCES' || code === 'EINVAL');
      if (!unsupported && !forbidden) throw error;
      dropped[count] += 1;
      return false;
    }
  };

  const applyXattrs = (handle: AnyHandle, wanted: readonly ExtendedAttribute[]): void => {
    const expected = new Set<string>();
    for (const attribute of wanted) {
      if (!wantsXattr(attribute.name)) continue;
      expected.add(attribute.name);
      permitted('xattrs', () => handles.setXattr(handle, attribute));
    }
    for (const name of handles.xattrNames(handle)) {
      if (expected.has(name) || !wantsXattr(name)) continue;
      try {
        handles.removeXattr(handle, name);
      } catch (error) {
        // A label that the system itself gives every new file is not ours to take away.
        if (!name.startsWith('security.') && !permissionLike(error)) throw error;
      }
    }
  };

  return {
    apply(handle, metadata, isFolder = false) {
      const failures: unknown[] = [];
      const attempt = (act: () => void): void => {
        try {
          act();
        } catch (error) {
          failures.push(error);
        }
      };
      let owned = false;
      attempt(() => {
        owned = permitted('owners', () => handles.setOwner(handle, metadata.uid, metadata.gid));
      });
      if (handles.keepsXattrs) attempt(() => applyXattrs(handle, metadata.xattrs ?? []));
      attempt(() => {
        if (metadata.permissions === undefined) return;
        let { permissions } = metadata;
        // A setuid program of somebody else must not become one of whoever restores it.
        const losesSetIds = (rules.safe || !owned) && !isFolder;
        if (losesSetIds && (permissions & setIdBits) !== 0) {
          permissions &= ~setIdBits;
          dropped.privileges += 1;
        }
        handles.setMode(handle, permissions);
      });
      attempt(() => handles.setTimes(handle, metadata.atime, metadata.mtime));
      if (failures.length > 0) throw failures[0];
    },
  };
}

function permissionLike(error: unknown): boolean {
  return ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENODATA'].includes(codeOf(error) ?? '');
}
