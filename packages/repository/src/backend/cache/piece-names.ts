/** A piece of a pack, kept under `<pack>.<offset>-<length>`: its bytes, and their SHA-256 after them. */
import { hash } from 'node:crypto';
import { isId } from '../../ids.ts';

export type Piece = { readonly pack: string; readonly offset: number; readonly length: number };

export function pieceName({ pack, offset, length }: Piece): string {
  return `${pack}.${offset}-${length}`;
}

/** Undefined for what is no piece. */
export function parsePieceName(name: string): Piece | undefined {
  const [, pack = '', offset, length] = /^([0-9a-f]{64})\.(\d{1,15})-(\d{1,15})$/.exec(name) ?? [];
  return isId(pack) ? { pack, offset: Number(offset), length: Number(length) } : undefined;
}

export function covers(piece: Piece, offset: number, length: number): boolean {
  return piece.offset <= offset && offset + length <= piece.offset + piece.length;
}

export function digestOf(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer');
}

const digestBytes = 32;

/** The bytes of a piece as it was kept; undefined when it is damaged. */
export function openPiece(kept: Buffer, { length }: Piece): Buffer | undefined {
  if (kept.byteLength !== length + digestBytes) return undefined;
  const bytes = kept.subarray(0, length);
  return digestOf(bytes).equals(kept.subarray(length)) ? bytes : undefined;
}
