// Server-sent events (WHATWG HTML 9.2) as a client reads them: only the fields that the API uses.

export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/** This server gives no events now; another one may. */
export class EventStreamError extends Error {
  override name = 'EventStreamError';
}

const eventBytesMax = 4 * 1_048_576;

/** The events that arrived together, again and again until the server ends the stream or `signal` aborts it. */
export async function* eventStream(url: string, signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
  const response = await fetch(url, { headers: { accept: 'text/event-stream' }, signal });
  if (!response.ok || response.body === null)
    throw new EventStreamError(`status ${response.status} in place of events`);
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk as Uint8Array, { stream: true }).replaceAll('\r\n', '\n');
    const end = text.lastIndexOf('\n\n');
    if (end < 0 && text.length > eventBytesMax) throw new EventStreamError('an event without an end');
    if (end < 0) continue;
    const blocks = text.slice(0, end).split('\n\n');
    text = text.slice(end + 2);
    yield blocks.map(parseEvent);
  }
}

function parseEvent(block: string): StreamEvent {
  let event = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') event = value;
    if (field === 'data') data.push(value);
  }
  return { event, data: data.join('\n') };
}
