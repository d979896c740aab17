/** Which of the known words was probably meant. */

/** Letters to add, take away, change or swap to come from one word to the other. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, change, isSwap ? beforeLast[j - 2]! + 1 : Infinity));
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** The nearest word, when it is near enough to be a slip: a third of its letters, or the same letters otherwise spelled. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 80) return undefined;
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_ .]/g, '');
  const rated = known
    .filter((candidate) => candidate.length <= 80)
    .map((candidate) => ({ candidate, distance: editDistance(plain(word), plain(candidate)) }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = rated[0];
  const isNear = best !== undefined && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3));
  return isNear && plain(word) !== '' ? best.candidate : undefined;
}

/** As the end of a hint: what was meant, or what there is to choose from. */
export function choiceHint(word: string, known: readonly string[], noun: string): string {
  const meant = nearest(word, known);
  if (meant !== undefined) return `Did you mean \`${meant}\`?`;
  if (known.length === 0) return `There is no ${noun} yet.`;
  const shown = known.slice(0, 24).map((name) => `\`${name}\``);
  return `Known: ${shown.join(', ')}${known.length > 24 ? ', …' : ''}.`;
}
