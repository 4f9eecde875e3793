// One process at a time in a folder, without a dependency and without a helper that outlives its owner.
// It knows nothing of what the lock protects.
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const free = 'free';
const pollMs = 100;

// The lock is a folder of symbolic links named 1, 2, 3, ... whose targets name an owner; only the highest counts. A
// link is made exclusively and with its content in one step, which no file can be.
// Invariant: the highest link is never removed, only outnumbered. So two waiters that saw the same dead owner race for
// one new name, and one that comes later still finds a higher name beside its own and gives way. (With one lock file
// that waiters remove, the slower of them removes the faster one's new lock.)

/** Runs `work` while this process alone holds the lock; `onWait(pid)` is called once if another holds it. */
export async function alone(folder, work, onWait) {
  const generation = await acquire(folder, onWait);
  const release = () => {
    try {
      symlinkSync(free, join(folder, String(generation + 1)));
      rmSync(join(folder, String(generation)), { force: true });
    } catch {
      // Somebody removed the folder: nothing is left to release.
    }
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

async function acquire(folder, onWait) {
  mkdirSync(folder, { recursive: true });
  for (let told = false; ; ) {
    const highest = highestIn(folder);
    const owner = ownerOf(folder, highest);
    if (isAlive(owner)) {
      if (!told) onWait?.(Number.parseInt(owner, 10));
      told = true;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    } else if (claim(folder, highest + 1)) {
      return highest + 1;
    }
  }
}

function claim(folder, generation) {
  try {
    symlinkSync(`${process.pid}:${startOf(process.pid)}`, join(folder, String(generation)));
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  const isHighest = highestIn(folder) === generation;
  if (!isHighest) rmSync(join(folder, String(generation)), { force: true });
  else
    for (const other of generationsIn(folder))
      if (other < generation) rmSync(join(folder, String(other)), { force: true });
  return isHighest;
}

function generationsIn(folder) {
  return readdirSync(folder).map(Number).filter(Number.isSafeInteger);
}

function highestIn(folder) {
  return Math.max(0, ...generationsIn(folder));
}

function ownerOf(folder, generation) {
  try {
    return generation === 0 ? free : readlinkSync(join(folder, String(generation)));
  } catch (error) {
    if (error.code === 'ENOENT') return free; // outnumbered since; claiming the next name will tell
    throw error;
  }
}

function isAlive(owner) {
  if (owner === free) return false;
  const [pid, start] = owner.split(':');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false; // EPERM: alive, and another user's
  }
  return startOf(pid) === start;
}

/**
 * When the process began, so that a pid used again (a restarted container) is not taken for the owner; '' if unknown.
 */
function startOf(pid) {
  if (process.platform !== 'linux') return '';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8'); // proc(5): the fields after the name begin with the third
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : fields[19];
  } catch {
    return 'gone';
  }
}
