/** Image layouts in one tar file. */
import { parseLayout } from './oci.js'
import type { Transport } from './transport.js'

export const ociArchive: Transport = {
  scheme: 'oci-archive',
  syntax: 'oci-archive:FILE[:TAG]',
  parse: (address, name) =>
    parseLayout(address, name, {
      scheme: 'oci-archive',
      isFile: true,
      write: async (path, { signal, isDry }) => {
        const { OciArchive } = await import('../blob-stores/oci-archive.js')
        return OciArchive.open(name, path, { signal, isDry })
      },
      read: async (path, { signal }) => {
        const { OciArchive } = await import('../blob-stores/oci-archive.js')
        return OciArchive.read(name, path, signal)
      },
    }),
}
