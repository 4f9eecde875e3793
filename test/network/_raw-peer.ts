// A libp2p node with a validator's key that does whatever a test wants on its streams: a faulty validator.
import '../../node/polyfill.ts';
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { laneNames, protocolOf } from '../../node/network/peer-link.ts';
import { chainId, networkSeedOf, validatorsOf } from './_consortium.ts';

export class RawPeer {
  readonly node: Libp2p;
  /** What the other side opened, by protocol; nothing reads them unless a test does. */
  readonly opened: Stream[] = [];

  private constructor(node: Libp2p) {
    this.node = node;
  }

  static async start(index: number): Promise<RawPeer> {
    const node = await createLibp2p({
      privateKey: await generateKeyPairFromSeed('Ed25519', networkSeedOf(index)),
      transports: [tcp()],
      connectionEncrypters: [noise({ prologueBytes: chainId })],
      streamMuxers: [yamux()],
      connectionMonitor: { enabled: false },
      connectionGater: { denyDialMultiaddr: () => false },
      start: false,
    });
    const peer = new RawPeer(node);
    for (const name of [...laneNames, 'sync'] as const)
      await node.handle(protocolOf(name), (stream) => void peer.opened.push(stream));
    await node.start();
    return peer;
  }

  /** The connection that it has already, unless it wants another one by force. */
  dial(index: number, port: number, force = false): Promise<Connection> {
    const key = validatorsOf(index + 1)[index]?.networkKey ?? new Uint8Array(0);
    const id = peerIdFromPublicKey(publicKeyFromRaw(key)).toString();
    const signal = AbortSignal.timeout(5_000);
    return this.node.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${id}`), { signal, force });
  }

  async stop(): Promise<void> {
    await this.node.stop();
  }
}
