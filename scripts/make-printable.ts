/**
 * Writes packages/repository/src/format/printable.ts: what Go's `strconv.IsPrint` says of every code point.
 * Names in trees are escaped by that table and are hashed, so it must be Go's own (Unicode 15 since Go 1.21)
 * and not that of this JavaScript engine. Needs `go` on the PATH; run it only when Go moves to another Unicode.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = `package main

import (
	"fmt"
	"strconv"
	"unicode"
)

func main() {
	fmt.Println(unicode.Version)
	last := false
	for r := rune(0); r <= 0x110000; r++ {
		now := r <= 0x10ffff && strconv.IsPrint(r)
		if now != last {
			fmt.Println(r)
		}
		last = now
	}
}
`;

const folder = mkdtempSync(join(tmpdir(), 'printable-'));
writeFileSync(join(folder, 'main.go'), program);
const [unicode = '', ...edges] = execFileSync('go', ['run', join(folder, 'main.go')], { encoding: 'utf8' })
  .trim()
  .split('\n');
rmSync(folder, { recursive: true });

const steps = edges.map((edge, i) => Number(edge) - Number(edges[i - 1] ?? 0)).map((step) => step.toString(36));
const lines: string[] = [];
for (const step of steps) {
  const line = lines.at(-1);
  if (line === undefined || line.length + step.length > 110) lines.push(step);
  else lines[lines.length - 1] = `${line} ${step}`;
}

writeFileSync(
  new URL('../packages/repository/src/format/printable.ts', import.meta.url),
  `/**
 * Which code points Go prints as they are: letters, marks, numbers, punctuation, symbols and the space
 * of Unicode ${unicode}. Made by scripts/make-printable.ts; do not edit.
 *
 * The table is the list of code points at which the answer changes (first: becomes printable),
 * each as its distance from the one before, in base 36.
 */
const steps = [
${lines.map((line) => `  '${line}',`).join('\n')}
];

function edgesOf(text: string): Uint32Array {
  let edge = 0;
  return Uint32Array.from(text.split(' '), (step) => (edge += Number.parseInt(step, 36)));
}

const edges = edgesOf(steps.join(' '));

export function isPrintable(rune: number): boolean {
  if (rune < 0x7f) return rune >= 0x20;
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] ?? 0) <= rune) low = middle + 1;
    else high = middle;
  }
  return low % 2 === 1;
}
`,
);
