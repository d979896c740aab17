/**
 * How many measurements a bucket of a time series holds. An archive has the buckets, people and servers count measurements.
 * Pure.
 *
 *   bucket = document {_id, control: {version, count, …}, data: {FIELD: {"0": …, "1": …}, …}, …}
 *            (version 1 has no count, and every measurement has a time; later ones have their columns packed)
 */
import { bsonType, fieldsOf, integerIn, type BsonField } from './bson.ts';

/** @param timeField name of the time in a measurement. @throws {CoffreError} SOURCE_INVALID */
export function measurementsIn(bucket: Uint8Array, timeField: string): number {
  const fields = fieldsOf(bucket);
  const count = integerIn(inside(fields, 'control'), 'count');
  return count === undefined ? inside(inside(fields, 'data'), timeField).length : Number(count);
}

function inside(fields: readonly BsonField[], name: string): BsonField[] {
  const field = fields.find((one) => one.name === name && one.type === bsonType.document);
  return field === undefined ? [] : fieldsOf(field.value);
}

/** Of a collection's options, extended JSON. */
export function timeFieldOf(metadata: string): string {
  const { options } = JSON.parse(metadata) as { options?: { timeseries?: { timeField?: unknown } } };
  const name = options?.timeseries?.timeField;
  return typeof name === 'string' ? name : '';
}
