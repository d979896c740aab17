import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteString } from '../format/bytestring.ts';
import { absolutePath, cleanPath, planTargets, type TargetNode } from './targets.ts';

const b = (text: string): ByteString => text as ByteString;

/** `name=path` for targets, `name(meta){…}` for folders that lead to them. */
function show(node: TargetNode): string {
  return [...node.children.keys()]
    .toSorted()
    .map((name) => {
      const child = node.children.get(name) as TargetNode;
      return child.path === undefined ? `${name}(${child.metadataPath}){${show(child)}}` : `${name}=${child.path}`;
    })
    .join(' ');
}

function plan(paths: string[], folders: Record<string, string[]> = {}): string {
  return show(planTargets(paths.map(b), (folder) => (folders[folder] ?? []).map(b)));
}

test('paths are cleaned by their text alone', () => {
  const cases: Record<string, string> = {
    '/a//b/./c/..': '/a/b',
    '': '.',
    './x': 'x',
    '../../x': '../../x',
    'a/../../b': '../b',
    '/..': '/',
    'a/': 'a',
  };
  for (const [given, clean] of Object.entries(cases)) assert.equal(cleanPath(b(given)), clean);
  assert.equal(absolutePath(b('../x'), b('/home/me')), '/home/x');
});

test('an absolute path keeps every folder above it, with its metadata', () => {
  assert.equal(plan(['/srv/www/site']), 'srv(/srv){www(/srv/www){site=/srv/www/site}}');
});

test('a relative path keeps its own components and loses leading dots', () => {
  assert.equal(plan(['../up/here']), 'up(../up){here=../up/here}');
  assert.equal(plan(['a/b']), 'a(a){b=a/b}');
});

test('a dot stands for what is in the folder', () => {
  assert.equal(plan(['.'], { '.': ['one', 'two'] }), 'one=one two=two');
  assert.equal(plan(['..'], { '..': ['x'] }), 'x=../x');
  assert.equal(plan(['/'], { '/': ['etc'] }), 'etc=/etc');
});

test('two folders with one name from different places become name and name-1', () => {
  assert.equal(plan(['../work', 'work']), 'work=../work work-1=work');
});

test('a target given twice is saved once, and a target inside another is only reached through it', () => {
  assert.equal(plan(['/a/b', '/a/b/']), 'a(/a){b=/a/b}');
  assert.equal(plan(['/a', '/a/b'], { '/a': ['b', 'c'] }), 'a(/a){b=/a/b c=/a/c}');
});
