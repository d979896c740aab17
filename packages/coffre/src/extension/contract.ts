/**
 * What a module that the configuration names under `extensions` may bring: `export const extension = {…} satisfies
 * Extension`. It runs inside the program with all its rights, so it is loaded only when something names what it brings.
 */
import type { Backend, StoredSnapshot } from '@coffre/repository';
import type { SourceType } from '../source/source.ts';

/** A kind of source: `type: extension, use: NAME`. Its settings come as they are written, so it checks them itself. */
export type ExtensionSource<Settings, Truth> = SourceType<Settings, Truth> & {
  /** @param name what streams are filed under: `/sources/NAME/…` @throws for settings that it cannot use */
  parseSettings(written: unknown, name: string): Settings;
};

/** Judges files before they are saved: `validate: {extension: NAME}`. */
export type ExtensionValidation = (file: {
  readonly path: string;
  readonly bytes: Uint8Array;
}) => Promise<string | undefined> | string | undefined;

/**
 * Proposes which automatic, unpinned backups of one source of one plan may go: `retention: {REPOSITORY: {strategy: NAME}}`.
 * What it proposes is never enough by itself: the floor and everything named or pinned stay, whatever it says.
 */
export type ExtensionRetention = (question: {
  /** Newest first; none of the future. */
  readonly backups: readonly StoredSnapshot[];
  readonly nowMs: number;
}) => readonly string[] | Promise<readonly string[]>;

/**
 * Opens a storage for repositories: `url: extension:NAME:ADDRESS`. Calls that fail are tried again above it where their
 * error says `retryable`.
 */
export type ExtensionStorage = (
  address: string,
  doors: {
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly warn: (sentence: string) => void;
  },
) => Promise<Backend>;

export type Extension = {
  readonly storages?: { readonly [name: string]: ExtensionStorage };
  readonly sources?: { readonly [name: string]: AnyExtensionSource };
  readonly validations?: { readonly [name: string]: ExtensionValidation };
  readonly retention?: { readonly [name: string]: ExtensionRetention };
};

/** Settings and truth are the extension's own; the program hands back what it was given. */
export type AnyExtensionSource = ExtensionSource<unknown, unknown>;
