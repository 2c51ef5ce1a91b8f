/** Runs of the library, one after another in this process, each another way; some are stopped, and some fail. */
import assert from 'node:assert/strict'
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import {
  buildImage,
  copyImage,
  diffImages,
  type ErrorCode,
  inspectImage,
  verifyImage,
} from '../../src/index.js'
import { writeConf } from './image.js'

/** What a process has of what it should give back. */
export interface Held {
  descriptors: number
  threads: number
  /** How many there are of each kind that keeps the process or holds something. */
  resources: Record<string, number>
  /** Below the temporary directory. */
  temporary: number
}

export function held(): Held {
  const count = (path: string): number => readdirSync(path).length
  const resources: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo().sort()) resources[kind] = (resources[kind] ?? 0) + 1
  return {
    descriptors: count('/proc/self/fd'),
    threads: count('/proc/self/task'),
    resources,
    temporary: count(tmpdir()),
  }
}

interface Inputs {
  /** An image that threads are started for. */
  conf: string
  /** A few files on top of it. */
  based: string
  /** With a path that is not there. */
  broken: string
  archive: string
  /** Where to write to; removed after each run. */
  out: string
  cache: string
  registry: string | undefined
  /** One signal for all of them, as a server has it. */
  signal: AbortSignal
}

type Run = (inputs: Inputs) => Promise<unknown>

/** Takes all, or what `take` says. */
function sink(take: (chunk: Buffer) => void = () => {}): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        take(chunk)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
}

function fails(run: Promise<unknown>, code: ErrorCode): Promise<void> {
  return assert.rejects(run, { code })
}

const RUNS: Record<string, Run> = {
  'a stream': ({ conf, signal }) => buildImage({ conf, output: sink(), signal }),
  'a file': ({ conf, signal, out }) => buildImage({ conf, destinations: [join(out, 'image.tar')], signal }),
  'a layout': ({ conf, signal, out }) => buildImage({ conf, destinations: [`oci:${out}/layout`], signal }),
  'an archive of packed layers': ({ conf, signal, out }) =>
    buildImage({
      ...{ conf, signal, destinations: [`oci-archive:${out}/archive.tar`] },
      compression: { kind: 'zstd', level: 1 },
    }),
  'digests remembered': ({ conf, signal, cache }) => buildImage({ conf, output: sink(), cache, signal }),
  'a base': ({ based, signal }) => buildImage({ conf: based, output: sink(), signal }),
  'a descriptor': async ({ conf, signal }) => {
    const output = openSync('/dev/null', 'w')
    try {
      await buildImage({ conf, output, signal })
    } finally {
      closeSync(output)
    }
  },
  'several at once': ({ conf, signal, out }) =>
    buildImage({
      ...{ conf, signal, output: sink() },
      destinations: [join(out, 'image.tar'), `oci:${out}/layout`],
      digestFile: join(out, 'digest'),
    }),
  'a copy': ({ archive, signal, out }) =>
    copyImage({ image: archive, destinations: [`oci:${out}/layout`], signal }),
  'a registry': async ({ conf, signal, registry }) => {
    if (registry !== undefined)
      await buildImage({ conf, destinations: [`docker://${registry}/test:latest`], signal })
  },
  'reading it': async ({ archive, conf, based, signal, cache }) => {
    await inspectImage({ image: conf, signal, cache })
    assert.equal((await verifyImage({ image: archive, signal })).problems.length, 0)
    await diffImages({ from: archive, to: based, signal })
  },
  'stopped half-way to a stream': ({ conf }) => {
    const controller = new AbortController()
    let left = 4e6
    const output = sink(({ length }) => {
      left -= length
      if (left < 0) controller.abort()
    })
    return fails(buildImage({ conf, output, signal: controller.signal }), 'ABORTED')
  },
  'stopped half-way to a layout': ({ conf, out }) => {
    const controller = new AbortController()
    const onEvent = ({ type }: { type: string }): void => {
      if (type === 'layer-delivered') controller.abort()
    }
    const destinations = [`oci:${out}/layout`]
    return fails(buildImage({ conf, destinations, onEvent, signal: controller.signal }), 'ABORTED')
  },
  'a path that is not there': ({ broken, signal, out }) =>
    fails(buildImage({ conf: broken, destinations: [join(out, 'image.tar')], signal }), 'FILE_UNREADABLE'),
  'a stream that fails': ({ conf, signal }) => {
    const output = sink(() => {
      throw new Error('full')
    }).on('error', () => {})
    return fails(buildImage({ conf, output, signal }), 'OUTPUT_FAILED')
  },
}

export class MixedBuilds {
  private constructor(private readonly inputs: Inputs) {}

  /** @param directory outside of the temporary one @param registry `HOST:PORT` of one that takes all */
  static async in(directory: string, registry?: string): Promise<MixedBuilds> {
    const path = (name: string): string => join(directory, name)
    for (const name of ['store', 'broken', 'based', 'out']) mkdirSync(path(name), { recursive: true })
    const layers = Array.from({ length: 12 }, (_, i) => [path(`store/${i}`)])
    for (const [i, [file]] of layers.entries()) writeFileSync(file!, Buffer.alloc(1_000_000, `layer ${i} `))
    const store_dir = path('store')
    const conf = writeConf(directory, { store_dir, store_layers: layers })
    const archive = path('image.tar')
    await buildImage({ conf, destinations: [archive] })
    const based = writeConf(path('based'), {
      ...{ store_dir, store_layers: layers.slice(0, 1), from_image: archive },
    })
    const broken = writeConf(path('broken'), {
      ...{ store_dir, store_layers: [...layers, [path('store/none')]] },
    })
    const { signal } = new AbortController()
    const inputs = { ...{ conf, based, broken, archive, registry, signal }, out: path('out') }
    return new MixedBuilds({ ...inputs, cache: path('cache') })
  }

  /** How many ways there are. */
  readonly count = Object.keys(RUNS).length

  /** @param i any number; the ways repeat */
  async run(i: number): Promise<void> {
    const { out } = this.inputs
    await Object.values(RUNS)[i % this.count]!(this.inputs)
    for (const name of readdirSync(out)) rmSync(join(out, name), { recursive: true })
  }
}
