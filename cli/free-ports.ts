// Ports that nobody listens on at this moment. Somebody may take one before we do: who starts a server tries again.
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';

const loopback = '127.0.0.1';
/** Where Linux says which ports it gives to outgoing connections; elsewhere they begin at 49152 (RFC 6335). */
const rangeFile = '/proc/sys/net/ipv4/ip_local_port_range';
/** Above the ports that well-known programs listen on. */
const lowest = 10_000;
const rangeFrom = 32_768;
const triesMax = 10_000;

/**
 * Out of the range of outgoing connections: the port of a validator that has ended is free for a while, and from that
 * range any connection of the machine could take it before it starts again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const end = quietEnd(readRange());
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries++) {
    if (tries === triesMax) throw new Error(`no ${count} free ports between ${lowest} and ${end}`);
    const port = randomInt(lowest, end);
    if (!ports.has(port) && (await areFree([port]))) ports.add(port);
  }
  return [...ports];
}

/** The first port after those that may be chosen: the whole range is `range` where it begins too low to stay below. */
export function quietEnd(range: string | undefined): number {
  const from = Number(range?.trim().split(/\s+/)[0] ?? rangeFrom);
  return Number.isInteger(from) && from >= lowest + 1_000 && from <= 65_536 ? from : rangeFrom;
}

function readRange(): string | undefined {
  try {
    return readFileSync(rangeFile, 'utf8');
  } catch {
    return undefined;
  }
}

export async function areFree(ports: readonly number[]): Promise<boolean> {
  const results = await Promise.allSettled(ports.map(listen));
  const servers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  await Promise.all(servers.map(close));
  return servers.length === ports.length;
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host: loopback, exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
