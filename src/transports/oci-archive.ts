/** Image layouts in one tar file. */
import { layoutTransport } from './layout.js'

export const ociArchive = layoutTransport({
  scheme: 'oci-archive',
  path: 'FILE',
  stores: async () => (await import('../blob-stores/oci-archive.js')).OciArchive,
})
