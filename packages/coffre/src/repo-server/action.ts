/** What a request may do: decided from method, route and mode alone, before anything is touched. */
import type { FileHandle, FileKind } from '@coffre/repository';
import type { Route } from './route.ts';

export type Refusal = {
  readonly status: number;
  /** One sentence for the person behind the client. */
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export type Action =
  | { readonly kind: 'create' }
  | { readonly kind: 'list'; readonly of: FileKind }
  | { readonly kind: 'stat'; readonly file: FileHandle }
  | { readonly kind: 'load'; readonly file: FileHandle }
  | { readonly kind: 'save'; readonly file: FileHandle }
  | { readonly kind: 'remove'; readonly file: FileHandle }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

export type ActionRules = { readonly appendOnly: boolean };

export function chooseAction(method: string, route: Route, rules: ActionRules): Action {
  const { target } = route;
  switch (target.kind) {
    case 'unknown':
      return refuse(404, 'a repository has nothing of this name');
    case 'repository':
      if (method !== 'POST') return notAllowed('POST');
      return route.create ? { kind: 'create' } : refuse(400, 'a repository is made with ?create=true');
    case 'list':
      return method === 'GET' ? { kind: 'list', of: target.of } : notAllowed('GET');
    case 'file':
      return fileAction(method, target.file, rules);
    default:
      return target satisfies never;
  }
}

function fileAction(method: string, file: FileHandle, { appendOnly }: ActionRules): Action {
  switch (method) {
    case 'HEAD':
      return { kind: 'stat', file };
    case 'GET':
      return { kind: 'load', file };
    case 'POST':
      return { kind: 'save', file };
    case 'DELETE':
      // A client that cannot remove its lock blocks the next one; a lock protects no data.
      if (appendOnly && file.kind !== 'locks')
        return refuse(403, 'this server only takes files in; nothing is removed');
      return { kind: 'remove', file };
    default:
      return notAllowed('HEAD, GET, POST, DELETE');
  }
}

function refuse(status: number, reason: string, headers?: Refusal['headers']): Action {
  return { kind: 'refuse', refusal: { status, reason, ...(headers === undefined ? {} : { headers }) } };
}

function notAllowed(allowed: string): Action {
  return refuse(405, `only ${allowed} is answered here`, { Allow: allowed });
}
