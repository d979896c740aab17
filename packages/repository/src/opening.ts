/**
 * The small door: what it takes to open a repository and to say why not. It loads in a quarter of the time of the large
 * one, so that a program can begin to derive the key, which takes a while on another thread, before it loads the rest.
 * Everything here is in the large door too.
 */
export { commandWords } from './backend/command-words.ts';
export { openBackend } from './backend/open-backend.ts';
export { describeLocation, parseLocation } from './backend/location.ts';
export { createFileNote } from './backend/file-note.ts';
export { reachStorage, withMemory } from './backend/layers.ts';
export { withRetry } from './backend/retry.ts';
export { CoffreError, isCoffreError, messageOf } from './errors.ts';
export { carriedBytes, carriedText, toByteString } from './format/bytestring.ts';
export { createFiles } from './host/files.ts';
export { makeFolders } from './host/make-folders.ts';
export { systemClock, systemIdentity, systemRandom } from './host/system.ts';
export { isId } from './ids.ts';
export { openRepository } from './operations.ts';
