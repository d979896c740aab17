/** Where the streams of a source lie in a snapshot: `/sources/<name>/…`. */
import { CoffreError } from '@coffre/repository';

export function streamFolder(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new CoffreError('USAGE', `a source cannot be called ${JSON.stringify(name)}`, {
      hint: 'Its name becomes the name of a folder in the snapshot.',
    });
  }
  return `/sources/${name}`;
}
