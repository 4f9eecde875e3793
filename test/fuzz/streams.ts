// Bytes on the streams of one peer, in any pieces, through the real framing, queue and sync protocol. Another peer's
// frame must come through after each, and what is held must stay within its limit.
import { EventEmitter, once } from 'node:events';
import { frameBytesMax, frameOf, prefixBytes } from '../../node/network/frames.ts';
import { type InboundBudgets, InboundQueue } from '../../node/network/inbound-queue.ts';
import { encodeSyncRequest } from '../../node/network/sync-messages.ts';
import { answer } from '../../node/network/sync-stream.ts';
import { type Channel, channels } from '../../node/network/transport.ts';
import { FakeStream } from '../network/_fake-stream.ts';
import type { OpenTarget, Target } from './engine.ts';
import { messages } from './samples.ts';

const generous = { framesPerSecond: 1e6, bytesPerSecond: 1e9 };
const budgets = Object.fromEntries(channels.map((channel) => [channel, generous])) as InboundBudgets;

class Listener {
  readonly #events = new EventEmitter();
  readonly #queue: InboundQueue;
  #offences = 0;
  #frames = 0;

  constructor() {
    const sink = {
      receive: (from: number, _channel: Channel, bytes: Uint8Array) => {
        if (from === 0) this.#frames += 1;
        else this.#events.emit('good', bytes);
      },
      offended: () => {
        this.#offences += 1;
      },
    };
    this.#queue = new InboundQueue(2, sink, budgets);
  }

  async take(input: Uint8Array): Promise<string> {
    const [offences, frames] = [this.#offences, this.#frames];
    const channel = channels[input.length % channels.length] ?? 'votes';
    const stream = new FakeStream();
    this.#queue.read(0, channel, stream, () => {});
    for (let at = 0; at < input.length; ) {
      const size = 1 + ((input[at] ?? 0) % 251);
      stream.arrive(input.subarray(at, at + size));
      at += size;
    }
    stream.end();
    const good = new FakeStream();
    const arrived = once(this.#events, 'good', { signal: AbortSignal.timeout(10_000) });
    this.#queue.read(1, 'votes', good, () => {});
    good.arrive(frameOf(Uint8Array.of(1, 2, 3)));
    await arrived;
    good.end();
    if (stream.heldBytes > frameBytesMax[channel] + prefixBytes) throw new Error(`${stream.heldBytes} bytes are held`);
    const came = this.#frames - frames;
    const many = came === 0 ? 'no' : came === 1 ? 'one' : 'some';
    return `${many} frames, ${this.#offences > offences ? 'an offence' : 'none'}, ${asked(input)}`;
  }

  stop(): void {
    this.#queue.stop();
  }
}

/** The same bytes as a request of the sync protocol; a stream that is not answered ends. */
function asked(input: Uint8Array): string {
  const stream = new FakeStream();
  let served = 0;
  answer(stream, (request) => {
    served += 1;
    return request.length > 3 ? new Uint8Array(10) : undefined;
  });
  for (let at = 0; at < input.length; at += 100) stream.arrive(input.subarray(at, at + 100));
  const isAnswered = stream.sent.length > 0;
  stream.end();
  if (served > 1) throw new Error('one stream was served twice');
  return isAnswered ? 'answered' : (stream.aborted?.message ?? 'nothing');
}

export const streams: Target = {
  name: 'streams',
  kind: 'bytes',
  isSlow: true,
  async open(): Promise<OpenTarget> {
    const listener = new Listener();
    const frames = messages().map(frameOf);
    const request = frameOf(encodeSyncRequest({ type: 'blocks', height: 3, bytesMax: 100_000 }));
    return {
      seeds: [...frames, request, new Uint8Array(Buffer.concat(frames))],
      run: (input) => listener.take(input),
      close: async () => listener.stop(),
    };
  },
};
