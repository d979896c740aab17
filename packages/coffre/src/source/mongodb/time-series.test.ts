import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BSON } from 'mongodb';
import { measurementsIn, timeFieldOf } from './time-series.ts';

const bucket = (content: object): Buffer => Buffer.from(BSON.serialize(content));

test('an open bucket has a time for each measurement, a packed one says how many there are', () => {
  const open = { control: { version: 1 }, data: { at: { 0: new Date(0), 1: new Date(1) }, t: { 1: 5 } } };
  assert.equal(measurementsIn(bucket(open), 'at'), 2);
  const packed = { control: { version: 2, count: 1000 }, data: { at: new BSON.Binary(Buffer.of(1), 7) } };
  assert.equal(measurementsIn(bucket(packed), 'at'), 1000);
  const large = { control: { version: 2, count: BSON.Long.fromNumber(7) }, data: {} };
  assert.equal(measurementsIn(bucket(large), 'at'), 7);
  assert.equal(measurementsIn(bucket({}), 'at'), 0);
});

test('the name of the time is in the options', () => {
  assert.equal(timeFieldOf('{"options":{"timeseries":{"timeField":"at"}},"indexes":[]}'), 'at');
  assert.equal(timeFieldOf('{}'), '');
});
