/**
 * What the client needs of the platform it runs on. `#platform` is `platform/node.ts` under Node and
 * `platform/browser.ts` elsewhere (see `imports` in package.json), so that a page does not load what only Node can use.
 */
export interface Platform {
  /** Returns how to have `task` run once the present turn of the event loop is over. */
  afterTurn(task: () => void): () => void;
  /** Returns a function that writes text into `bytes` at an offset as UTF-8, and returns how many bytes that took. */
  textWriter(bytes: Uint8Array<ArrayBuffer>): (text: string, at: number) => number;
  /**
   * Returns what gives all of a frame as text, decoded once and when it is first asked for: one character per byte, so that
   * offsets stay what they are, right for ASCII only. Undefined where it does not pay.
   */
  bytewise(frame: Uint8Array): FrameText | undefined;
  /** Has the packets that `send` emits written to the system together, where that can be. */
  inOneWrite(engine: EngineEnd, send: () => void): void;
}

/** A whole frame, one character per byte. */
export type FrameText = () => string;

/** Engine.IO's end of a connection, as far as it is used here: on both sides, and beyond its public interface. */
export interface EngineEnd {
  readonly transport?: {
    /** It takes packets; false from the first one on until that has left. */
    writable: boolean;
    /** The WebSocket: of a client, of a server. */
    readonly ws?: WithSocket | undefined;
    readonly socket?: WithSocket | undefined;
  };
  flush?(): void;
}

interface WithSocket {
  readonly _socket?: { cork(): void; uncork(): void } | null;
}
