/** Files as docker load reads them; a pipe or device by name is streamed to. */
import { accessSync, closeSync, constants } from 'node:fs'
import { resolve } from 'node:path'
import { attempt } from '../errors.js'
import { expectWritable, lookAtTarget } from '../files/target.js'
import type { Destination } from '../model/destination.js'
import type { Image } from '../model/image.js'
import type { Holder, Place, Transport, TransportContext } from './transport.js'

export const dockerArchive: Transport = {
  scheme: 'docker-archive',
  syntax: 'docker-archive:FILE',
  parse(path, name) {
    if (path === '') return `"${name}": no file is named`
    return new DockerArchive(name, path)
  },
}

class DockerArchive implements Place {
  readonly takesBlobs = false
  readonly isFile = true

  constructor(
    readonly name: string,
    readonly path: string,
  ) {}

  /** Without a scheme, as the script takes it. */
  get absolute(): string {
    return resolve(this.path)
  }

  async destination({ signal, isDry, notice, onEnd }: TransportContext): Promise<Destination> {
    const { name, path } = this
    if (isDry) {
      if (path !== '-') expectWritable(path)
      // A pipe takes what a file does.
      return { shape: 'at-offsets', name, path }
    }
    if (path === '-') return inOrder(name, 1)
    if (lookAtTarget(path).kind !== 'stream') return { shape: 'at-offsets', name, path }
    const { openStreamFile } = await import('../files/stream-file.js')
    const fd = await openStreamFile(path, signal, notice)
    onEnd(async () => closeSync(fd))
    return inOrder(name, fd)
  }

  async source(context: TransportContext): Promise<Image> {
    const { openDockerArchive } = await import('../sources/docker-archive.js')
    return openDockerArchive(this.name, this.path, context)
  }

  /** @throws ImageError FILE_UNREADABLE */
  async holder(): Promise<Holder> {
    attempt('FILE_UNREADABLE', `cannot read ${this.name}`, () => accessSync(this.path, constants.R_OK))
    return { archive: this.path }
  }
}

async function inOrder(name: string, fd: number): Promise<Destination> {
  const { FdOutput } = await import('../outputs/fd-output.js')
  return { shape: 'in-order', name, output: await FdOutput.open(fd) }
}
