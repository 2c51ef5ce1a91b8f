/** Configurations as a server's catalog: by what people name them, and directories that hold `NAME/conf.json` each. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { asImageError, attempt, ImageError, systemReason } from '../errors.js'
import { isRepository, isTag } from '../registry/reference.js'
import { type Found, readConfFile } from '../sources/conf-file.js'
import type { Conf } from '../spec/conf.js'
import type { CatalogEntry } from './catalog.js'
import type { ServedImage } from './served-image.js'

type Open = (conf: Conf) => Promise<ServedImage>

/** A configuration, as it was looked at last. */
interface Known {
  version: string
  /** What it was read from: a script's configuration is another file. */
  files: readonly string[]
  /** Undefined for one that never was of use. */
  entry: CatalogEntry | undefined
}

export class Configurations {
  /** By file. */
  private readonly known = new Map<string, Known>()
  private readonly told = new Set<string>()

  /**
   * @param paths of files and directories @param open makes a configuration's image
   * @param notice takes a sentence about what is left out @param found told once of what a script names
   * @throws ImageError CONF_UNREADABLE, CONF_INVALID, OPTION_INVALID for what was named and cannot be served
   */
  constructor(
    private readonly paths: readonly string[],
    private readonly open: Open,
    private readonly notice: (message: string) => void,
    found: Found = () => {},
  ) {
    if (paths.includes('-'))
      throw new ImageError('OPTION_INVALID', '-: expected files or directories, found standard input', {
        hint: 'a server reads configurations again when they change: write this one to a file',
      })
    for (const path of paths) {
      if (isDirectory(path) && !existsSync(join(path, 'conf.json'))) continue
      const { conf, files } = readConfFile(path, found, gunzipSync)
      nameOf(conf, files[0]!)
    }
    const [again] = this.find().repeated
    if (again !== undefined) throw again
  }

  /** What is there now: of a file that is being written, what it was called before. */
  readonly list = (): readonly CatalogEntry[] => {
    const { entries, repeated } = this.find()
    for (const error of repeated) this.tell(error)
    return entries
  }

  /** @returns also the errors for names that are another's already */
  private find(): { entries: CatalogEntry[]; repeated: ImageError[] } {
    const byName = new Map<string, CatalogEntry>()
    const repeated: ImageError[] = []
    for (const file of this.paths.flatMap((path) => this.filesOf(path))) {
      const entry = this.entry(file)
      if (entry === undefined) continue
      const name = `${entry.repository}:${entry.tag}`
      const before = byName.get(name)
      if (before === undefined) byName.set(name, entry)
      else
        repeated.push(
          new ImageError('OPTION_INVALID', `${entry.source}: ${before.source} is called ${name} too`, {
            hint: 'serve one of them, or give it another repo_tag',
          }),
        )
    }
    return { entries: [...byName.values()], repeated }
  }

  private filesOf(path: string): string[] {
    if (this.known.has(path)) return [path]
    try {
      if (!isDirectory(path)) return [path]
      const own = join(path, 'conf.json')
      const below = readdirSync(path, { withFileTypes: true })
        .filter((it) => !it.isFile())
        .map(({ name }) => join(path, name, 'conf.json'))
        .sort()
      return [own, ...below].filter((file) => existsSync(file))
    } catch (error) {
      this.tell(error)
      return []
    }
  }

  private entry(file: string): CatalogEntry | undefined {
    const known = this.known.get(file)
    let { entry, files = [file] } = known ?? {}
    let version = versionOf(files)
    if (known?.version === version) return known.entry
    try {
      const read = readConfFile(file, () => {}, gunzipSync)
      if (read.files.length !== files.length) version = versionOf(read.files)
      files = read.files
      entry = {
        ...nameOf(read.conf, file),
        source: file,
        version: () => versionOf(files),
        open: async () => this.open(readConfFile(file, () => {}, gunzipSync).conf),
      }
    } catch (error) {
      // Whoever asks for the image is told why there is none; until somebody does, nobody misses it.
      if (entry === undefined) this.tell(error)
    }
    this.known.set(file, { version, files, entry })
    return entry
  }

  /** Once, since a server is asked again and again. */
  private tell(error: unknown): void {
    const { message } = asImageError(error, 'CONF_UNREADABLE', 'cannot read the configurations')
    if (this.told.has(message)) return
    this.told.add(message)
    this.notice(`${message}; it is left out`)
  }
}

function isDirectory(path: string): boolean {
  const stats = attempt('CONF_UNREADABLE', `cannot read the configuration ${path}`, () => statSync(path))
  return stats.isDirectory()
}

/** Changes with the files. */
function versionOf(files: readonly string[]): string {
  const version = (file: string): string => {
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true })
      return [ino, size, mtimeNs, ctimeNs].join('-')
    } catch (error) {
      return systemReason(error)
    }
  }
  return files.map(version).join(' ')
}

/** A `repo_tag` as a name in this registry, without the host that it may start with; else the directory's. */
function nameOf(conf: Conf, file: string): { repository: string; tag: string } {
  const repoTag = conf.repoTag || `${basename(dirname(resolve(file)))}:latest`
  const [, host = '', path = repoTag] = /^((?:[^/]*[.:][^/]*|localhost)\/)?(.*)$/s.exec(repoTag) ?? []
  const [, repository = '', tag = 'latest'] = /^([^:]*)(?::(.*))?$/s.exec(path) ?? []
  if (isRepository(repository) && isTag(tag)) return { repository, tag }
  throw new ImageError(
    'OPTION_INVALID',
    `${file}: expected a repo_tag that a registry takes, found ${JSON.stringify(host + path)}`,
    { hint: 'names are in lower case, as in app:1.0' },
  )
}
