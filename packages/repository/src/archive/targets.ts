import { CoffreError } from '../errors.ts';
import type { ByteString } from '../format/bytestring.ts';
import { cleanPath as cleanText } from '../select/clean-path.ts';

/**
 * How the paths on the command line become the upper part of the tree, as restic lays it out:
 * an absolute `/srv/www` gives root -> srv -> www, every folder above with its own metadata;
 * a relative path keeps its components, leading `..` dropped; `.` stands for its entries;
 * two different folders with one base name become `name` and `name-1`.
 */
export type TargetNode = {
  /** Path to save whole; absent on folders that only lead to targets. */
  path?: ByteString;
  /** The path was named by itself, not found in a folder that was: no exclude rule holds for it. */
  isNamed?: boolean;
  /** Where the metadata of a leading folder is read. */
  metadataPath?: ByteString;
  /** What this name was reached from: tells equal names of different origin apart. */
  root: ByteString;
  readonly children: Map<ByteString, TargetNode>;
};

const slash = '/' as ByteString;
const dot = '.' as ByteString;

/** The shortest equal path by its text alone; the empty one is `.`. */
export function cleanPath(path: ByteString): ByteString {
  return cleanText(path) as ByteString;
}

/** Without a clean-up; the folder `.` or nothing gives the name alone. */
export function joinPath(folder: ByteString, name: ByteString): ByteString {
  if (folder === dot || folder === '') return name;
  return (folder.endsWith('/') ? folder + name : `${folder}/${name}`) as ByteString;
}

/** Clean and beginning with `/`; a relative path is seen from `workingFolder`, which is absolute. */
export function absolutePath(path: ByteString, workingFolder: ByteString): ByteString {
  return cleanPath(path.startsWith('/') ? path : (`${workingFolder}/${path}` as ByteString));
}

function componentsOf(path: ByteString): ByteString[] {
  return path.split('/').filter((part) => part !== '' && part !== '.' && part !== '..') as ByteString[];
}

/** `..`, `../..`, `/` or nothing: the part of a cleaned path that gives no component. */
function rootOf(path: ByteString): ByteString {
  if (path.startsWith('/')) return slash;
  const ups = path.split('/').filter((part) => part === '..');
  return (ups.length === 0 ? '' : ups.join('/')) as ByteString;
}

/** @param entriesOf lists a folder; needed for `.`, `..` and `/`, which stand for what is in them. */
export function planTargets(
  paths: readonly ByteString[],
  entriesOf: (folder: ByteString) => readonly ByteString[],
): TargetNode {
  const top: TargetNode = { root: '' as ByteString, children: new Map() };
  for (const given of paths) {
    const path = cleanPath(given);
    if (componentsOf(path).length > 0) insert(top, path).isNamed = true;
    else for (const name of entriesOf(path).toSorted()) insert(top, joinPath(path, name));
  }
  unroll(top, entriesOf);
  return top;
}

function insert(top: TargetNode, target: ByteString): TargetNode {
  const components = componentsOf(target);
  let node = top;
  let root = rootOf(target);
  for (const [depth, component] of components.entries()) {
    const name = freeName(node, component, root);
    let child = node.children.get(name);
    if (child === undefined) {
      child = { root, children: new Map() };
      node.children.set(name, child);
    }
    const here = root === '' ? component : joinPath(root, component);
    if (depth === components.length - 1) child.path = target;
    else child.metadataPath = here;
    node = child;
    root = here;
  }
  return node;
}

function freeName(node: TargetNode, component: ByteString, root: ByteString): ByteString {
  let name = component;
  for (let i = 1; ; i++) {
    const other = node.children.get(name);
    if (other === undefined || other.root === root) return name;
    if (i > 100_000) throw new CoffreError('USAGE', 'too many source paths have the same name');
    name = `${component}-${i}` as ByteString;
  }
}

/** A folder that is a target itself and leads to another one: the other is inside it anyway, by way of its entries. */
function unroll(node: TargetNode, entriesOf: (folder: ByteString) => readonly ByteString[]): void {
  if (node.path !== undefined && node.children.size > 0) {
    const path = node.path;
    delete node.path;
    delete node.isNamed;
    node.metadataPath = path;
    for (const name of entriesOf(path)) {
      const child = node.children.get(name);
      if (child === undefined) {
        node.children.set(name, { root: path, path: joinPath(path, name), children: new Map() });
      } else if (child.path === undefined) {
        child.path = joinPath(path, name);
      }
    }
  }
  for (const child of node.children.values()) unroll(child, entriesOf);
}
