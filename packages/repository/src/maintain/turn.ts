/** Work that runs ahead of its place: what it has to say waits until what comes before it is told. */
export class Turn {
  #state: 'waiting' | 'come' | 'off' = 'waiting';
  #told: (() => void)[] = [];

  static come(): Turn {
    const turn = new Turn();
    turn.open();
    return turn;
  }

  /** Now, or when the turn has come; never when it is off. */
  when(tell: () => void): void {
    if (this.#state === 'come') tell();
    else if (this.#state === 'waiting') this.#told.push(tell);
  }

  open(): void {
    this.#state = 'come';
    for (const tell of this.#told.splice(0)) tell();
  }

  callOff(): void {
    this.#state = 'off';
    this.#told = [];
  }

  /** What ran ahead stops soon. */
  get isOff(): boolean {
    return this.#state === 'off';
  }
}

/** `second` runs ahead, and its turn comes when `first` is done. A failure of the first is what is thrown, and calls it off. */
export async function besideEachOther(
  turn: Turn,
  first: () => Promise<void>,
  second: () => Promise<void>,
): Promise<void> {
  // Caught at once, because nobody waits for it yet.
  const ahead = second().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  try {
    await first();
  } catch (error) {
    turn.callOff();
    await ahead;
    throw error;
  }
  turn.open();
  const failed = await ahead;
  if (failed !== undefined) throw failed.error;
}
