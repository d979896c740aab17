/** Lines of a log that goes on: those that come, also in the file that follows when one is full. */
import { open, watch } from 'node:fs/promises';
import { dirname } from 'node:path';

/** @param newest the file that is written to now @returns when the signal aborts */
export async function* linesToCome(
  first: string,
  newest: () => Promise<string | undefined>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  let file = first;
  let from = await sizeOf(file);
  try {
    for await (const _ of watch(dirname(file), { signal })) {
      for (;;) {
        const text = await textFrom(file, from);
        from += Buffer.byteLength(text);
        yield* text.split('\n').slice(0, -1);
        const next = await newest();
        if (next === undefined || next === file) break;
        [file, from] = [next, 0];
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function sizeOf(file: string): Promise<number> {
  await using handle = await open(file);
  return (await handle.stat()).size;
}

async function textFrom(file: string, from: number): Promise<string> {
  await using handle = await open(file);
  const size = (await handle.stat()).size - from;
  if (size <= 0) return '';
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, from);
  // A line that is half written is read again when it is whole.
  const text = buffer.subarray(0, bytesRead);
  return text.subarray(0, text.lastIndexOf(0x0a) + 1).toString('utf8');
}
