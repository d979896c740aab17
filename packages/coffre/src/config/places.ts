/** Where things are, as it is declared. What nobody declared is unknown, and never another place. */

/** `Lyon ` and `lyon` are one place: two spellings must not pass for two. */
function placeKey(place: string | undefined): string | undefined {
  const key = place?.normalize('NFKC').trim().toLowerCase();
  return key === '' ? undefined : key;
}

export type Places = {
  /** Different ones, that of the original included. */
  readonly count: number;
  /** Of two places that differ one is elsewhere, wherever the original is. */
  readonly isOffsite: boolean;
};

/** @param own where the original is; @param homes where its backups are */
export function placesOf(own: string | undefined, homes: readonly (string | undefined)[]): Places {
  const ownKey = placeKey(own);
  const keys = new Set(homes.map(placeKey).filter((key) => key !== undefined));
  const isOffsite = ownKey === undefined ? keys.size > 1 : [...keys].some((key) => key !== ownKey);
  if (ownKey !== undefined) keys.add(ownKey);
  return { count: keys.size, isOffsite };
}
