/**
 * A validation: state files whose last line says that they are whole. In coffre.yaml:
 *
 *   extensions: [./sealed-state.ts]
 *   sites: {home: {sources: {state: {type: files, paths: [/srv/state], validate: {extension: sealed}}}}}
 */
import type { Extension, ExtensionValidation } from 'coffre';

/** A file that it does not accept is left out, or keeps its last good content; the sentence says why. */
const sealed: ExtensionValidation = ({ bytes }) =>
  Buffer.from(bytes).toString('utf8').trimEnd().endsWith('# end') ? undefined : 'its last line is missing';

export const extension = { validations: { sealed } } satisfies Extension;
