/** Smaller ones may lie in Node's shared pool, and are not worth it. */
const keptBytesMax = 256 * 1024;

/**
 * Gives the memory of a buffer back at once. The engine makes several large buffers per chunk, and the garbage
 * collector, which sees only their small handles, would let hundreds of megabytes pile up.
 * Only for buffers that nobody else holds: they are empty afterwards.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer.byteLength <= keptBytesMax || !(buffer instanceof ArrayBuffer) || buffer.detached) return;
  buffer.transfer(0);
}
