/**
 * What a module that the configuration names under `extensions` may bring: `export const extension = {…} satisfies
 * Extension`. It runs inside the program with all its rights, so it is loaded only when something names what it brings.
 */
import type { Backend, StoredSnapshot } from '@coffre/repository';
import type { SourceType } from '../source/source.ts';
import type { Notice } from './notice.ts';

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

/**
 * Says when a plan is to run: `schedule: {trigger: {use: NAME, settings: {…}}}`. It runs in a thread of its own of
 * `coffre serve`, one for each plan that names it.
 */
export type ExtensionTrigger<Settings> = {
  /** With secrets in place of their references. @throws for settings that it cannot use */
  parseSettings(written: unknown): Settings;
  /**
   * Comes back when the signal aborts, and is ended a few seconds later when it does not. Coming back or throwing before
   * that is reported, and it is started again, later and later.
   */
  watch(settings: Settings, doors: TriggerDoors): Promise<void>;
};

export type TriggerDoors = {
  /** Of the configuration. */
  readonly plan: string;
  readonly signal: AbortSignal;
  /** The plan is to run. Several calls before the run begins are one. @param reason one line for people */
  readonly fire: (reason?: string) => void;
  /** One line for the log of the daemon. */
  readonly log: (sentence: string) => void;
};

/**
 * Brings notices to people: `alerts: {channels: {ops: {extension: {use: NAME, settings: {…}}}}}`. It runs in a thread of
 * its own while there is something to send.
 */
export type ExtensionChannel<Settings> = {
  /** With secrets in place of their references. @throws for settings that it cannot use */
  parseSettings(written: unknown): Settings;
  /**
   * Coming back means that it is delivered. What it throws is written down and it is tried again, later and later, for half
   * a day; with `retryable: false` on the error it is given up at once. Each notice comes at least once: `notice.id` tells
   * a repetition.
   */
  deliver(notice: Notice, settings: Settings, doors: ChannelDoors): Promise<void>;
};

export type ChannelDoors = {
  /** Of the configuration. */
  readonly channel: string;
  /** Aborts when it takes too long. */
  readonly signal: AbortSignal;
};

export type Extension = {
  readonly storages?: { readonly [name: string]: ExtensionStorage };
  readonly sources?: { readonly [name: string]: AnyExtensionSource };
  readonly validations?: { readonly [name: string]: ExtensionValidation };
  readonly retention?: { readonly [name: string]: ExtensionRetention };
  readonly triggers?: { readonly [name: string]: AnyExtensionTrigger };
  readonly channels?: { readonly [name: string]: AnyExtensionChannel };
};

/** Settings and truth are the extension's own; the program hands back what it was given. */
export type AnyExtensionSource = ExtensionSource<unknown, unknown>;
export type AnyExtensionTrigger = ExtensionTrigger<unknown>;
export type AnyExtensionChannel = ExtensionChannel<unknown>;
