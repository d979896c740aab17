import { CoffreError } from '../../errors.ts';
import type { LoadOptions } from '../backend.ts';
import { announcedBytes, contradiction, discard, readAll, readExactly } from './reply-body.ts';
import type { BodyContext } from './reply-body.ts';
import type { HttpReply } from './sender.ts';

type Range = Pick<LoadOptions, 'offset' | 'length'>;

/** Undefined for a whole file. `length` is not 0: that cannot be said in a Range header. */
export function rangeHeader({ offset = 0, length }: Range): string | undefined {
  if (offset === 0 && length === undefined) return undefined;
  return length === undefined ? `bytes=${offset}-` : `bytes=${offset}-${offset + length - 1}`;
}

/** The bytes of a 200, 206 or 416; undefined for another status, whose body is then still to be read. */
export async function readRange(reply: HttpReply, range: Range, context: BodyContext): Promise<Buffer | undefined> {
  const encoding = reply.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') return refuse(reply, contradiction(context.about, `it is encoded as ${encoding}`));
  switch (reply.status) {
    case 200:
      return fromWhole(reply, range, context);
    case 206:
      return fromPart(reply, range, context);
    case 416:
      return fromNothing(reply, range, context);
    default:
      return undefined;
  }
}

/** Also from a server that knows no ranges. */
async function fromWhole(reply: HttpReply, range: Range, context: BodyContext): Promise<Buffer> {
  const { offset = 0 } = range;
  const size = announcedBytes(reply, context.about);
  if (size === undefined) return cut(await readAll(reply, context), range, context);
  const { length = size - offset } = range;
  if (length < 0 || offset + length > size) return refuse(reply, shortRead(context, size, range));
  const bytes = await readExactly(reply, { skip: offset, length }, context);
  return bytes;
}

function cut(all: Buffer, range: Range, context: BodyContext): Buffer {
  const { offset = 0, length = all.byteLength - offset } = range;
  if (offset === 0 && length === all.byteLength) return all;
  if (length < 0 || offset + length > all.byteLength) throw shortRead(context, all.byteLength, range);
  const bytes = Buffer.allocUnsafeSlow(length);
  all.copy(bytes, 0, offset, offset + length);
  return bytes;
}

async function fromPart(reply: HttpReply, range: Range, context: BodyContext): Promise<Buffer> {
  const { offset = 0, length } = range;
  const header = reply.header('content-range') ?? '';
  const parts = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header);
  if (parts === null) return refuse(reply, contradiction(context.about, `Content-Range is ${JSON.stringify(header)}`));
  const [first, last] = [Number(parts[1]), Number(parts[2])];
  const size = parts[3] === '*' ? undefined : Number(parts[3]);
  if (size !== undefined && (offset > size || offset + (length ?? 0) > size)) {
    return refuse(reply, shortRead(context, size, range));
  }
  const wanted = length ?? (size ?? last + 1) - offset;
  const announced = announcedBytes(reply, context.about) ?? wanted;
  if (first !== offset || last - first + 1 !== wanted || announced !== wanted) {
    return refuse(
      reply,
      contradiction(context.about, `${wanted} bytes from ${offset} were asked for, and ${header} came`),
    );
  }
  const bytes = await readExactly(reply, { length: wanted }, context);
  return bytes;
}

/** 416: nothing from there on, which is the whole answer when all from the end on was wanted. */
async function fromNothing(reply: HttpReply, range: Range, context: BodyContext): Promise<Buffer> {
  const size = /^bytes \*\/(\d{1,15})$/.exec(reply.header('content-range') ?? '')?.[1];
  await discard(reply);
  if (range.length === undefined && size !== undefined && Number(size) === range.offset)
    return Buffer.allocUnsafeSlow(0);
  throw shortRead(context, size === undefined ? undefined : Number(size), range);
}

async function refuse(reply: HttpReply, error: CoffreError): Promise<never> {
  await discard(reply);
  throw error;
}

export function shortRead({ about }: Pick<BodyContext, 'about'>, size: number | undefined, range: Range): CoffreError {
  const { offset = 0, length } = range;
  const has = size === undefined ? 'is shorter' : `has ${size} bytes`;
  return new CoffreError(
    'BACKEND_SHORT_READ',
    `${about} ${has}, and it was to be read up to ${offset + (length ?? 0)}`,
    {
      hint: 'Run `coffre check`: the file may be truncated.',
    },
  );
}
