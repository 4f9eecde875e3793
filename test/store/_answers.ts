// What a store answers, as text, so that answers of unlike stores can be compared.

/** What is compared: bytes as hex, for one gives Buffers. */
export function shown(value: unknown): string {
  return JSON.stringify(plain(value));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value ?? 'nothing';
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

export function answerOf(ask: () => unknown): string {
  try {
    return shown(ask());
  } catch (error) {
    return `throws ${error instanceof Error ? error.name : String(error)}`;
  }
}

export const sorted = <T>(items: Iterable<T>): string[] => [...items].map(shown).sort();
