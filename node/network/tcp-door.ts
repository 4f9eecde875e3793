// Between libp2p's TCP and libp2p itself: what it leaves to whoever is at the other end of a socket. A socket ends with
// its connection, and strangers' sockets take no validator's place.
import type { Connection, CreateListenerOptions, Listener, MultiaddrConnection, Transport } from '@libp2p/interface';
import { type TCPComponents, type TCPOptions, tcp } from '@libp2p/tcp';

type Upgrader = CreateListenerOptions['upgrader'];

/** Not in libp2p's interface, but what it calls itself to end a socket at once. */
interface Resettable {
  sendReset?(error: Error): void;
}

export interface DoorOptions extends TCPOptions {
  /** Inbound connections that are not through their handshake yet; libp2p's own limit must be far above. */
  readonly handshakesMax: number;
}

export function guardedTcp({ handshakesMax, ...options }: DoorOptions): (components: TCPComponents) => Transport {
  return (components) => {
    const handshakes = new Handshakes(handshakesMax);
    const inner = tcp(options)(components);
    const dial = inner.dial.bind(inner);
    const createListener = inner.createListener.bind(inner);
    return Object.assign(inner, {
      dial: (...[address, dialled]: Parameters<Transport['dial']>): Promise<Connection> =>
        dial(address, { ...dialled, upgrader: guarded(dialled.upgrader, handshakes) }),
      createListener: (listened: CreateListenerOptions): Listener =>
        createListener({ ...listened, upgrader: guarded(listened.upgrader, handshakes) }),
    });
  };
}

function guarded(upgrader: Upgrader, handshakes: Handshakes): Upgrader {
  return {
    upgradeInbound(connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeInbound']>[1]) {
      endSocketWith(connection);
      const upgraded = upgrader.upgradeInbound(connection, options);
      handshakes.begin(connection, upgraded);
      return upgraded;
    },
    upgradeOutbound(connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeOutbound']>[1]) {
      endSocketWith(connection);
      return upgrader.upgradeOutbound(connection, options);
    },
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
  };
}

/**
 * A peer that ends its half and reads no more would hold the socket for as long as it likes: libp2p counts the
 * connection as closed, and the socket waits to be rid of what was written to it. So it would take up the listener's
 * places, and no stop would end.
 */
function endSocketWith(connection: MultiaddrConnection): void {
  connection.addEventListener('close', () => {
    setImmediate(() => (connection as Resettable).sendReset?.(new Error('the connection has ended')));
  });
}

/**
 * Whoever reaches the port can begin handshakes and say no more. Where there are too many, the oldest goes of the host
 * that has the most: a handshake of a validator takes a moment, and its host has one or two.
 */
class Handshakes {
  readonly #max: number;
  readonly #pending = new Map<MultiaddrConnection, string>();

  constructor(max: number) {
    this.#max = max;
  }

  begin(connection: MultiaddrConnection, upgraded: Promise<void>): void {
    const end = () => this.#pending.delete(connection);
    this.#pending.set(connection, connection.remoteAddr.getComponents()[0]?.value ?? '');
    upgraded.then(end, end);
    if (this.#pending.size <= this.#max) return;
    const oldest = this.#oldestOfMost();
    if (oldest === undefined) return;
    this.#pending.delete(oldest);
    oldest.abort(new Error('too many handshakes at the same time'));
  }

  #oldestOfMost(): MultiaddrConnection | undefined {
    const byHost = new Map<string, MultiaddrConnection[]>();
    for (const [connection, host] of this.#pending) {
      const same = byHost.get(host);
      if (same === undefined) byHost.set(host, [connection]);
      else same.push(connection);
    }
    return [...byHost.values()].reduce((most, each) => (each.length > most.length ? each : most), [])[0];
  }
}
