/** What a build is asked for and what it tells. */
import type { Writable } from 'node:stream'
import type { DigestCache } from './cache/digest-cache.js'
import type { NarHashes } from './cache/nar-hashes.js'
import type { BuildEvent, Emit } from './events.js'
import type { CompressionKind } from './layers/compress.js'
import type { LayerPool } from './pool/pool.js'
import type { ClientOptions } from './registry/client.js'
import type { Conf } from './spec/conf.js'

/** What to build, where to, and how. */
export interface BuildOptions {
  /** Path of a conf.json, or a configuration from {@link parseConf}. */
  conf: string | Conf
  /** Where the image goes as a docker-archive: a stream, which is left open, or an open file descriptor. */
  output?: Writable | number | undefined
  /**
   * Where else the image goes, all in one run: `docker-archive:FILE` or just `FILE`, `oci-archive:FILE[:TAG]`,
   * `oci:DIR[:TAG]`, `docker://HOST/REPOSITORY[:TAG]`.
   */
  destinations?: readonly string[] | undefined
  /** Takes the place of the configuration's `repo_tag`. */
  repoTag?: string | undefined
  /** How many worker threads. Default: the machine's parallelism, bounded by `NIX_BUILD_CORES`. */
  threads?: number | undefined
  /**
   * Hashes every store layer a second time, while it is streamed. Default: only layers with files that
   * changed in the last two seconds; of others size, inode, mtime and ctime are looked at again.
   */
  verify?: boolean | undefined
  /** Default: none in an image layout, gzip in a registry. */
  compression?: CompressionOptions | undefined
  /**
   * A directory, or `redis://HOST:PORT`, that remembers digests of layers, so that what has not changed is
   * not read for them again.
   */
  cache?: string | undefined
  /**
   * An image whose layers may be the same: a tag or digest in the same repository, or `docker://HOST/REPOSITORY[:TAG]`
   * in the same registry. Default: the one that is replaced.
   */
  previous?: string | undefined
  registry?: ClientOptions | undefined
  /** Stops the build; it then rejects with ABORTED. */
  signal?: AbortSignal | undefined
  /** Called for every {@link BuildEvent}. */
  onEvent?: ((event: BuildEvent) => void) | undefined
}

/** How layers are compressed where they go as blobs, which is everywhere but in a docker-archive. */
export interface CompressionOptions {
  kind: CompressionKind
  /** gzip: 1 to 9, zstd: 1 to 19. Default: gzip 4, zstd 3. */
  level?: number | undefined
}

/** What was built. Digests are SHA-256 in hex, sizes in bytes. */
export interface BuildResult {
  /** Digest of the image JSON: the image ID. */
  imageId: string
  layers: { digest: string; size: number }[]
  /** Size of the docker-archive, where one was written. */
  bytes?: number
  /** `sha256:…` of the OCI manifest, where one was written. */
  manifestDigest?: string
  /** One for each of the named destinations, in no order. */
  destinations?: DestinationResult[]
}

/** What became of a destination. */
export interface DestinationResult {
  name: string
  /** Size of the docker-archive, where it is one. */
  bytes?: number
  /** `sha256:…`, where it takes blobs; then also how many layers, and how many bytes of them, went which way. */
  manifestDigest?: string
  uploaded?: Amount
  mounted?: Amount
  skipped?: Amount
}

export interface Amount {
  layers: number
  /** Of their blobs. */
  bytes: number
}

/** One build under way. */
export interface Build {
  conf: Conf
  pool: LayerPool
  threads: number
  emit: Emit
  cache: DigestCache | undefined
  /** Asked of Nix where keys of layers matter, otherwise undefined. */
  narHashes: NarHashes
  /** Rejects when the build is to stop. */
  aborted: Promise<never>
  options: BuildOptions
}
