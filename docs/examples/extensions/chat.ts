/**
 * A channel: notices as messages of a chat that takes `{"text": …}` at an address, as Mattermost and Slack do. In coffre.yaml:
 *
 *   extensions: [./chat.ts]
 *   secrets: {chat: {file: /etc/coffre/keys/chat}}
 *   alerts:
 *     channels: {ops: {extension: {use: chat, settings: {url: "https://chat.example/hooks/x", token: "${secret:chat}"}}}}
 *     routes: [{when: [failed, recovered, objective_broken], severity: critical, to: [ops]}]
 */
import type { Extension, ExtensionChannel } from 'coffre';

type Settings = { readonly url: string; readonly token: string | undefined };

const chat: ExtensionChannel<Settings> = {
  parseSettings(written) {
    const { url, token } = written as { readonly url?: unknown; readonly token?: unknown };
    if (typeof url !== 'string' || !URL.canParse(url)) throw new Error('settings.url must be an address');
    if (token !== undefined && typeof token !== 'string') throw new Error('settings.token must be a text');
    return { url, token };
  },
  async deliver(notice, { url, token }, { signal }) {
    const response = await fetch(url, {
      method: 'POST',
      signal,
      headers: {
        'content-type': 'application/json',
        // The same for every try: who gets it twice can tell.
        'idempotency-key': notice.id,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ text: `${notice.severity}: ${notice.title}${notice.text === '' ? '' : `: ${notice.text}`}` }),
    });
    await response.arrayBuffer();
    if (response.ok) return;
    // What the server will never take is not tried again.
    const isFinal = response.status >= 400 && response.status < 500 && ![408, 429].includes(response.status);
    throw Object.assign(new Error(`the chat answered ${response.status}`), { retryable: !isFinal });
  },
};

export const extension = { channels: { chat } } satisfies Extension;
