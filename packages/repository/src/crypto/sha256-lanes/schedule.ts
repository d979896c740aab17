/** Which of several messages the lanes should hash, and which the single-stream routine. */

export type LaneSpeed = {
  /** Throughput of all lanes together over that of the single stream; above 1 the lanes are worth having. */
  readonly gain: number;
  readonly lanes: number;
};

export type LaneSchedule = {
  /** Indexes of messages for the lanes, longest first, so that they end at about the same time. */
  readonly together: readonly number[];
  readonly alone: readonly number[];
};

/**
 * Lanes that have run out of messages still cost time. One long message beside short ones is better hashed alone:
 * tries the longest 0, 1, 2 … of them alone and keeps the cheapest split.
 * `busyBytes` are the sizes of messages that can only be hashed in a lane.
 */
export function scheduleLanes(
  sizes: readonly number[],
  busyBytes: readonly number[],
  { gain, lanes }: LaneSpeed,
): LaneSchedule {
  const order = sizes.map((_, index) => index).toSorted((a, b) => (sizes[b] as number) - (sizes[a] as number));
  const busiest = Math.max(0, ...busyBytes);
  let left = total(sizes) + total(busyBytes);
  let alone = 0;
  let best = { cost: Infinity, alone: 0 };
  for (let taken = 0; taken <= order.length; taken++) {
    const longest = taken < order.length ? (sizes[order[taken] as number] as number) : 0;
    // A lane is as fast as the whole divided by their number, whatever the others do.
    const cost = alone + (Math.max(longest, busiest, left / lanes) * lanes) / gain;
    if (cost < best.cost) best = { cost, alone: taken };
    if (longest <= left / lanes) break;
    alone += longest;
    left -= longest;
  }
  return { alone: order.slice(0, best.alone), together: order.slice(best.alone) };
}

function total(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}
