/** The part that is used; the package brings no types. */
declare module 'pino-roll' {
  import type { DestinationStream } from 'pino';

  type RollingOptions = {
    readonly file: string;
    readonly extension?: string;
    readonly size?: string;
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean };
    readonly mkdir?: boolean;
    readonly mode?: number;
    /** More than so many characters that wait to be written are dropped. */
    readonly maxLength?: number;
  };
  type RollingStream = DestinationStream & {
    once(event: 'close', call: () => void): void;
    on(event: 'error', call: (error: Error) => void): void;
    on(event: 'write', call: () => void): void;
    end(): void;
    destroy(): void;
  };

  const rolling: (options: RollingOptions) => Promise<RollingStream>;
  export default rolling;
}
