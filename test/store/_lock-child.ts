// Holds a folder's lock until it is killed. Arguments: folder, platform.
import { lockFolder } from '../../node/store/folder-lock.ts';

const [folder = '', platform] = process.argv.slice(2);
await lockFolder(folder, platform as NodeJS.Platform);
process.stdout.write('held');
// The lock alone keeps no process alive.
setInterval(() => {}, 60_000);
