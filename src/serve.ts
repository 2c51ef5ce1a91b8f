/** Configurations' images as a read-only registry, until it is told to stop. */
import { isIP } from 'node:net'
import { DigestCache } from './cache/digest-cache.js'
import { KnownLayers } from './cache/known-layers.js'
import { LayerMemory } from './cache/layer-memory.js'
import { MemoryStore } from './cache/memory-store.js'
import { asImageError, ImageError } from './errors.js'
import { readText } from './files/read-whole.js'
import { inRun, type Run } from './in-run.js'
import type { ImageFacts } from './inspection/facts.js'
import type { BlobCompression } from './model/compression.js'
import type { BuildEvent } from './model/events.js'
import { blobCompression, type CompressionOptions } from './options.js'
import { isLoopback } from './registry/reference.js'
import { type Authenticate, htpasswd, token } from './server/access.js'
import { Catalog } from './server/catalog.js'
import { Configurations } from './server/configurations.js'
import { page } from './server/page.js'
import { RegistryServer } from './server/registry-server.js'
import type { ExplorerPage, ServedImage } from './server/served-image.js'
import { openConf } from './sources/conf.js'
import type { Conf } from './spec/conf.js'
import { ChecksumPasses } from './writers/checksum-passes.js'
import { offerImage } from './writers/offered-image.js'
import { PackedLayers } from './writers/packed-layers.js'

export interface ServeOptions {
  /** What configurations are named by, but standard input, or directories that hold `NAME/conf.json`. */
  confs: readonly string[]
  /** Paths of layer files; configurations may name further ones. */
  known?: readonly string[] | undefined
  host: string
  /** 0 is any that is free. */
  port: number
  /** Names that clients call this machine by, beside its addresses. */
  names: readonly string[]
  threads?: number | undefined
  cache?: string | undefined
  /** Default: layers go as they are, and are stored nowhere. */
  compression?: CompressionOptions | undefined
  /** Files that say who may ask; without them anybody may. */
  tokenFile?: string | undefined
  htpasswdFile?: string | undefined
  tlsCertFile?: string | undefined
  tlsKeyFile?: string | undefined
  /** Whether other machines may be served without TLS, or without being asked who they are. */
  insecure: boolean
  /** Hashes every layer again on its way out. */
  verify: boolean
  /** Ends it, after the responses under way. */
  signal: AbortSignal
  /** Takes lines for people. */
  notice: (line: string) => void
  onRequest?: ((line: string) => void) | undefined
  /** Makes the page of an image that somebody wants to look into. */
  explore: (facts: ImageFacts) => Promise<ExplorerPage>
}

/** @throws ImageError OPTION_INVALID, CONF_UNREADABLE, CONF_INVALID */
export async function serve(options: ServeOptions): Promise<void> {
  const { signal, notice, host, port, names, threads, cache, compression } = options
  const authenticate = await authenticateBy(options)
  const tls = await tlsOf(options)
  checkSafe(options, tls !== undefined, authenticate !== undefined)
  const warn = eachOnce((message) => notice(`stream-layered-image: warning: ${message}`))
  const onEvent = (event: BuildEvent): void => {
    if (event.type === 'warning') warn(event.message)
  }
  const packing = compression && blobCompression(compression)
  // The signal is the server's alone: what is under way goes on to its end.
  await inRun({ threads, cache, onEvent }, async (run) => {
    const found = eachOnce((line) => notice(line))
    const configurations = new Configurations(
      options.confs,
      opener(run, packing, options, warn),
      warn,
      (conf, where) => found(`Using ${conf}, as ${where} does`),
    )
    const catalog = new Catalog(configurations.list)
    const server = new RegistryServer(catalog, {
      ...{ host, port, names, tls, authenticate },
      page: (address) => page(catalog, address, tls !== undefined),
      onRequest: options.onRequest,
      onFailure: (error, request) =>
        notice(
          `stream-layered-image: error: ${request}: ${asImageError(error, 'INTERNAL', 'unexpected failure').message}`,
        ),
    })
    const address = await server.listen()
    for (const { repository, tag } of catalog.entries()) notice(`serving ${address}/${repository}:${tag}`)
    if (!signal.aborted)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    await server.close()
  })
}

/** Makes a configuration's image, of which nothing is read that an earlier one has told already. */
function opener(
  run: Run,
  compression: BlobCompression | undefined,
  { verify, known = [], explore }: ServeOptions,
  warn: (message: string) => void,
): (conf: Conf) => Promise<ServedImage> {
  const { workshop, emit } = run
  const cached = run.memory.isOn
    ? run.memory
    : new LayerMemory(new DigestCache(new MemoryStore(), warn), false)
  const packed =
    compression && compression.kind !== 'none' ? new PackedLayers(workshop, compression) : undefined
  return async (conf) => {
    const files = [...known, ...(conf.knownLayers ?? [])]
    const narHashes = run.queryNarHashes(conf.storeLayers.flat(), files.length > 0 || undefined)
    const hashes = files.length === 0 ? undefined : ((await narHashes) ?? new Map())
    const memory =
      hashes === undefined
        ? cached
        : cached.knowing(new KnownLayers(files, conf.storeLayers, conf, hashes, warn))
    const { whole } = openConf(conf, {
      ...run,
      names: [conf.repoTag],
      narHashes,
      openBase: run.openImage,
    })
    const image = await whole
    const passes = new ChecksumPasses(memory, emit)
    const offered = await offerImage(image, { workshop, passes, verify }, packed)
    const explorer = async (): Promise<ExplorerPage> => {
      const { inspect } = await import('./inspection/inspect.js')
      const looking = { workshop, memory, passes, deep: false, detailed: true }
      return explore(await inspect(conf.repoTag, { image, storeDir: conf.storeDir }, looking))
    }
    return { ...offered, explorer: kept(explorer) }
  }
}

/** Makes a thing when it is first asked for, and again where that failed. */
function kept<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}

/** Takes the same line once: a server looks at its configurations again and again. */
function eachOnce(tell: (line: string) => void): (line: string) => void {
  const told = new Set<string>()
  return (line) => {
    if (told.has(line)) return
    told.add(line)
    tell(line)
  }
}

async function authenticateBy({
  tokenFile,
  htpasswdFile,
  signal,
}: ServeOptions): Promise<Authenticate | undefined> {
  if (tokenFile !== undefined && htpasswdFile !== undefined)
    throw new ImageError('OPTION_INVALID', 'expected a token or an htpasswd file, found both')
  if (tokenFile !== undefined) return token(await read(tokenFile, signal), tokenFile)
  return htpasswdFile === undefined ? undefined : htpasswd(await read(htpasswdFile, signal), htpasswdFile)
}

async function tlsOf({
  tlsCertFile,
  tlsKeyFile,
  signal,
}: ServeOptions): Promise<{ cert: string; key: string } | undefined> {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return undefined
  if (tlsCertFile === undefined || tlsKeyFile === undefined)
    throw new ImageError('OPTION_INVALID', 'TLS: expected both a certificate and its key, found one of them')
  return { cert: await read(tlsCertFile, signal), key: await read(tlsKeyFile, signal) }
}

function checkSafe({ host, insecure }: ServeOptions, hasTls: boolean, asksWho: boolean): void {
  if (insecure || isLoopback(isIP(host) === 6 ? `[${host}]` : host) || (hasTls && asksWho)) return
  throw new ImageError(
    'OPTION_INVALID',
    `--listen ${host}: expected TLS and credentials where other machines are served, found ${hasTls ? 'no credentials' : 'no TLS'}`,
    { hint: '--tls-cert, --tls-key and --token or --htpasswd; or --insecure, when the network is trusted' },
  )
}

function read(file: string, signal: AbortSignal): Promise<string> {
  return readText(file, 'OPTION_INVALID', `cannot read ${file}`, signal)
}
