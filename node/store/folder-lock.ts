// One process a folder. Node has no flock, and a pid file outlives its process (and a new process may get its pid), so
// the lock is a listening socket whose name is the folder's device and inode: the kernel grants a name once and takes
// it back when the process dies, however it dies. Linux: an abstract socket (no file is left behind). Windows: a named
// pipe. Elsewhere a socket file, whose remains are told from a living owner by connecting to it. An abstract name is
// known only inside one network namespace: two containers on one volume are told apart by the store's session record.
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from './store.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/** Throws StoreError when another process (or this one) holds the folder. */
export async function lockFolder(folder: string, platform: NodeJS.Platform = process.platform): Promise<FolderLock> {
  const { dev, ino } = statSync(folder, { bigint: true });
  const name = `daybook-store-${dev}-${ino}`;
  const path = socketPath(name, platform);
  let server = await listen(path);
  if (server === undefined && path.startsWith('/') && !(await isAnswered(path))) {
    rmSync(path, { force: true });
    server = await listen(path);
  }
  if (server === undefined)
    throw new StoreError(
      `the store in ${folder} is in use by another process. Two processes with one vote key would contradict each ` +
        'other, so this one stops. Stop the other node, or start this one with a folder and a key of its own.',
    );
  const held = server;
  return {
    async release() {
      if (!held.listening) return;
      held.close();
      await once(held, 'close');
    },
  };
}

function socketPath(name: string, platform: NodeJS.Platform): string {
  if (platform === 'linux') return `\0${name}`;
  if (platform === 'win32') return `\\\\.\\pipe\\${name}`;
  return join(tmpdir(), `${name}.sock`);
}

async function listen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  server.listen({ path, exclusive: true });
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
