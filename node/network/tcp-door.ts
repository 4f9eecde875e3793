// Between libp2p's TCP and libp2p itself: what it leaves to whoever is at the other end of a socket. A socket ends with
// its connection, and of those that are not through their handshake the oldest goes when there are too many.
import type { Connection, CreateListenerOptions, Listener, MultiaddrConnection, Transport } from '@libp2p/interface';
import { type TCPComponents, type TCPOptions, tcp } from '@libp2p/tcp';

type Upgrader = CreateListenerOptions['upgrader'];

/** Not in libp2p's interface, but what it calls itself to end a socket at once. */
interface Resettable {
  sendReset?(error: Error): void;
}

export function guardedTcp(options: TCPOptions): (components: TCPComponents) => Transport {
  return (components) => {
    const inner = tcp(options)(components);
    const dial = inner.dial.bind(inner);
    const createListener = inner.createListener.bind(inner);
    return Object.assign(inner, {
      dial: (...[address, dialled]: Parameters<Transport['dial']>): Promise<Connection> =>
        dial(address, { ...dialled, upgrader: guarded(dialled.upgrader) }),
      createListener: (listened: CreateListenerOptions): Listener =>
        createListener({ ...listened, upgrader: guarded(listened.upgrader) }),
    });
  };
}

function guarded(upgrader: Upgrader): Upgrader {
  return {
    upgradeInbound(connection: MultiaddrConnection, options: Parameters<Upgrader['upgradeInbound']>[1]) {
      endSocketWith(connection);
      return upgrader.upgradeInbound(connection, options);
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
