/** One document with a value of every type that BSON has, written by the driver's own library. */
import { BSON } from 'mongodb';

const { Binary, Code, DBRef, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } = BSON;

export function everyType(): Buffer {
  const bytes = BSON.serialize(
    {
      _id: new ObjectId('65a000000000000000000001'),
      double: new Double(-0),
      text: 'säule "x" \\ \u{1f512}',
      document: { a: { b: { '': 1 } }, empty: {} },
      list: [1, [2, [3]], []],
      bytes: new Binary(Buffer.from([0, 1, 255])),
      uuid: new Binary(Buffer.alloc(16, 7), 4),
      yes: true,
      no: false,
      date: new Date(-1),
      nothing: null,
      expression: /^a.*\//im,
      program: new Code('return 1'),
      scoped: new Code('return a', { a: { b: 1 } }),
      int32: new Int32(-2_147_483_648),
      timestamp: new Timestamp({ t: 4_294_967_295, i: 7 }),
      int64: Long.MIN_VALUE,
      decimal: Decimal128.fromString('-1.50E+6144'),
      least: new MinKey(),
      most: new MaxKey(),
      reference: new DBRef('other', new ObjectId('65a000000000000000000002')),
      symbol: new BSON.BSONSymbol('s'),
      '$dollar.dot': 1,
    },
    { ignoreUndefined: false },
  );
  return Buffer.from(bytes);
}
