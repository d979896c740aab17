/** What channels would hear: every letter that is due, as if it had been sent. */
import { markSent, takeLetter } from '../letters.ts';
import type { Letter } from '../letters.ts';
import type { Store } from '../store.ts';

export async function readLetters(store: Store): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (let letter = await takeLetter(store, []); letter !== undefined; letter = await takeLetter(store, [])) {
    await markSent(store, letter);
    letters.push(letter);
  }
  return letters;
}
