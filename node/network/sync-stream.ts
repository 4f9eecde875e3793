// One request and one answer on a stream of its own. The asker ends the stream; whoever answers waits for the reader
// only so long.
import { answerBytesMax, FrameError, FrameReader, frameOf, requestBytesMax } from './frames.ts';
import { TransportError } from './transport-error.ts';
import { partsOf, type WireStream } from './wire.ts';

/** Time in which a request must have come, and in which its answer must have been taken. */
const serveTimeoutMs = 15_000;

/** Rejects when the stream ends before a whole answer, on an oversized one, and on the signal. */
export function ask(stream: WireStream, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      signal.removeEventListener('abort', onAbort);
      stream.abort(error);
      reject(error);
    };
    const onAbort = () => fail(new TransportError('the request was given up'));
    signal.addEventListener('abort', onAbort);
    onFrame(stream, answerBytesMax, (frame) => {
      if (!(frame instanceof Uint8Array)) return fail(frame);
      signal.removeEventListener('abort', onAbort);
      resolve(frame);
      stream.abort(new Error('answered'));
    });
    if (signal.aborted) return onAbort();
    try {
      stream.send(frameOf(request));
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
    }
  });
}

/** Answers what comes on a stream that a peer opened; no answer is a stream that ends. */
export function answer(stream: WireStream, serve: (request: Uint8Array) => Uint8Array | undefined): void {
  const timer = setTimeout(() => stream.abort(new Error('too slow')), serveTimeoutMs);
  stream.addEventListener('close', () => clearTimeout(timer));
  onFrame(stream, requestBytesMax, (frame) => {
    const bytes = frame instanceof Uint8Array ? serve(frame) : undefined;
    if (bytes === undefined || bytes.length > answerBytesMax) return stream.abort(new Error('no answer'));
    try {
      stream.send(frameOf(bytes));
    } catch {
      stream.abort(new Error('the asker is gone'));
    }
  });
}

/** Calls back once: with the first frame, or with why there is none. */
function onFrame(stream: WireStream, bytesMax: number, done: (frame: Uint8Array | Error) => void): void {
  const reader = new FrameReader(bytesMax);
  let isDone = false;
  const settle = (frame: Uint8Array | Error) => {
    if (isDone) return;
    isDone = true;
    done(frame);
  };
  stream.addEventListener('message', ({ data }) => {
    if (isDone) return;
    try {
      for (const part of partsOf(data)) reader.push(part);
      const frame = reader.next();
      if (frame !== undefined) settle(frame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      settle(error);
    }
  });
  const onEnd = () => settle(new TransportError('the stream ended before a whole frame'));
  stream.addEventListener('close', onEnd);
  stream.addEventListener('remoteCloseWrite', onEnd);
}
