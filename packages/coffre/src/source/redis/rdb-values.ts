/**
 * How long the values of an RDB file are, by type. Nothing is decoded: a value ends where its lengths say.
 *
 *   0 string                     one string
 *   1 list, 2 set                a count, then that many strings
 *   3 sorted set                 a count, then a string and a score as text each
 *   4 hash                       a count, then two strings each
 *   5 sorted set                 a count, then a string and 8 bytes each
 *   7 module                     its id, then parts that say their kind
 *   9-13, 16, 17, 20             one string that holds all of it
 *   14 list                      a count, then that many strings
 *   15, 19, 21 stream            nodes, sizes and ids, groups, what each consumer has not confirmed
 *   18 list                      a count, then a kind and a string each
 *   22 hash with expiring fields a count, then two strings and 8 bytes each; of Valkey, another one elsewhere
 *   24 hash with expiring fields 8 bytes, a count, then an expiry and two strings each
 *   25 the same, small           8 bytes and one string
 */
import { CoffreError } from '@coffre/repository';
import type { RdbWindow, Step } from './rdb-window.ts';
import type { RedisEngine } from './redis-engine.ts';

const knownTypes = new Set([0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25]);

export function isKnownType(type: number, engine: RedisEngine): boolean {
  return knownTypes.has(type) && (engine === 'valkey' ? type < 24 : type !== 22);
}

/** Hashes that time empties, and with the last field they go themselves. */
export function hasExpiringFields(type: number): boolean {
  return type === 22 || type === 24 || type === 25;
}

/** @param type one that is known */
export function* skipValue(window: RdbWindow, type: number): Step<void> {
  switch (type) {
    case 0:
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
    case 16:
    case 17:
    case 20:
      if (!window.skipStringNow()) yield* window.skipString();
      return;
    case 1:
    case 2:
    case 14:
      yield* skipEach(window, skipStrings(1));
      return;
    case 3:
      yield* skipEach(window, skipTextScore);
      return;
    case 4:
      yield* skipEach(window, skipStrings(2));
      return;
    case 5:
      yield* skipEach(window, skipScore);
      return;
    case 7:
      yield* window.length();
      yield* skipModuleParts(window);
      return;
    case 18:
      yield* skipEach(window, skipNumberedStrings(1));
      return;
    case 15:
    case 19:
    case 21:
      yield* skipStream(window, type);
      return;
    case 22:
      yield* skipEach(window, skipExpiringField);
      return;
    case 24:
      yield* window.skip(8);
      yield* skipEach(window, skipNumberedStrings(2));
      return;
    case 25:
      yield* window.skip(8);
      yield* window.skipString();
      return;
    default:
      throw new CoffreError('INTERNAL', `an RDB value of type ${type} was taken for known`);
  }
}

type Skip = (window: RdbWindow) => Step<void>;

function* skipEach(window: RdbWindow, skip: Skip): Step<void> {
  const count = yield* window.length();
  for (let at = 0; at < count; at += 1) yield* skip(window);
}

function skipStrings(count: number): Skip {
  return function* strings(window) {
    for (let at = 0; at < count; at += 1) if (!window.skipStringNow()) yield* window.skipString();
  };
}

function skipNumberedStrings(count: number): Skip {
  const strings = skipStrings(count);
  return function* numbered(window) {
    yield* window.length();
    yield* strings(window);
  };
}

function* skipExpiringField(window: RdbWindow): Step<void> {
  yield* window.skipString();
  yield* window.skipString();
  yield* window.skip(8);
}

function* skipScore(window: RdbWindow): Step<void> {
  if (!window.skipStringNow()) yield* window.skipString();
  yield* window.skip(8);
}

/** A byte of 253 and more stands for no number or an infinite one. */
function* skipTextScore(window: RdbWindow): Step<void> {
  yield* window.skipString();
  const length = yield* window.byte();
  if (length < 253) yield* window.skip(length);
}

/** Parts of a module's own data: 0 ends it, 1 and 2 are whole numbers, 3 and 4 are floats, 5 is a string. */
export function* skipModuleParts(window: RdbWindow): Step<void> {
  for (;;) {
    const part = yield* window.length();
    if (part === 0) return;
    if (part === 1 || part === 2) yield* window.length();
    else if (part === 3) yield* window.skip(4);
    else if (part === 4) yield* window.skip(8);
    else if (part === 5) yield* window.skipString();
    else throw new CoffreError('SOURCE_INVALID', 'the RDB file holds data of a module that cannot be followed');
  }
}

/** Bytes of an id of a message: a time and a number. */
const messageIdBytes = 16;

function* skipStream(window: RdbWindow, type: number): Step<void> {
  yield* skipEach(window, skipStrings(2));
  // Length and last id; since 19 the first id, the highest removed id and how many were ever added.
  yield* skipLengths(window, type >= 19 ? 8 : 3);
  const groups = yield* window.length();
  for (let group = 0; group < groups; group += 1) {
    yield* window.skipString();
    yield* skipLengths(window, type >= 19 ? 3 : 2);
    yield* skipEach(window, skipPending);
    const consumers = yield* window.length();
    for (let consumer = 0; consumer < consumers; consumer += 1) {
      yield* window.skipString();
      yield* window.skip(type >= 21 ? 16 : 8);
      const pending = yield* window.length();
      yield* window.skip(pending * messageIdBytes);
    }
  }
}

function* skipPending(window: RdbWindow): Step<void> {
  yield* window.skip(messageIdBytes + 8);
  yield* window.length();
}

function* skipLengths(window: RdbWindow, count: number): Step<void> {
  for (let at = 0; at < count; at += 1) yield* window.length();
}
