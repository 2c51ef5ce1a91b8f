/** Image layouts, as directories. */
import { layoutTransport } from './layout.js'

export const oci = layoutTransport({
  scheme: 'oci',
  path: 'DIR',
  stores: async () => (await import('../blob-stores/oci-layout.js')).OciLayout,
})
