import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';

export type ScriptedRequest = {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export type ScriptedAnswer = (request: ScriptedRequest, response: ServerResponse) => void;

export type ScriptedServer = AsyncDisposable & {
  readonly port: number;
  /** Every request that came in whole. */
  readonly requests: readonly ScriptedRequest[];
};

/** An HTTP server on 127.0.0.1 that answers what a test says: the script's answers one after the other, the last one for ever. */
export async function startScriptedServer(...script: readonly ScriptedAnswer[]): Promise<ScriptedServer> {
  const requests: ScriptedRequest[] = [];
  const server = createServer((incoming, response) => {
    buffer(incoming).then(
      (body) => {
        const { method = '', url = '', headers } = incoming;
        const answer = script[Math.min(requests.length, script.length - 1)];
        const request = { method, url, headers, body };
        requests.push(request);
        answer?.(request, response);
      },
      () => incoming.socket.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    port: address.port,
    requests,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
