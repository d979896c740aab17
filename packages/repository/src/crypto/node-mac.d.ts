/** What `node:crypto` has since 26.9 and @types/node does not declare yet. */
declare module 'node:crypto' {
  type Mac = { update(data: NodeJS.ArrayBufferView): Mac; final(): Buffer };
  function createMac(algorithm: 'poly1305', key: NodeJS.ArrayBufferView): Mac;
}

export type { Mac } from 'node:crypto';
