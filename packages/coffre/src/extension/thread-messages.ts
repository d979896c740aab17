/** What the thread of an extension and the program say to each other. */
import type { Notice } from './notice.ts';
import type { ExtensionKind, ExtensionPlaces } from './load.ts';

export type ThreadTask =
  | { readonly kind: 'trigger'; readonly plan: string }
  | { readonly kind: 'channel'; readonly channel: string }
  /** Only whether things are there and take their settings. */
  | { readonly kind: 'check'; readonly questions: readonly ThreadQuestion[] };

export type ThreadQuestion = {
  readonly kind: ExtensionKind;
  readonly use: string;
  /** Undefined: they are not looked at. */
  readonly settings: unknown;
};

export type ThreadCheck =
  | { readonly kind: 'good' }
  | { readonly kind: 'unknown'; readonly known: readonly string[] }
  | { readonly kind: 'refused'; readonly problem: string; readonly hint: string | undefined }
  | { readonly kind: 'unloadable'; readonly problem: string; readonly hint: string | undefined };

export type ThreadSetup = {
  readonly places: ExtensionPlaces;
  /** What the extension calls it. */
  readonly use: string;
  readonly settings: unknown;
  readonly task: ThreadTask;
};

export type ThreadFailure = {
  readonly message: string;
  readonly hint: string | undefined;
  /** False when it makes no sense to try again. */
  readonly isRetryable: boolean;
};

export type FromThread =
  /** It is loaded, and its settings are well. */
  | { readonly type: 'ready' }
  | { readonly type: 'fired'; readonly reason: string | undefined }
  | { readonly type: 'said'; readonly text: string }
  | { readonly type: 'checked'; readonly index: number; readonly check: ThreadCheck }
  | { readonly type: 'delivered'; readonly id: string }
  | { readonly type: 'refused'; readonly id: string; readonly failure: ThreadFailure }
  /** Nothing comes after it. */
  | { readonly type: 'ended'; readonly failure: ThreadFailure | undefined };

export type ToThread =
  | { readonly type: 'stop' }
  | { readonly type: 'deliver'; readonly notice: Notice; readonly timeoutMs: number };
