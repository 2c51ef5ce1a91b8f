/**
 * Who to be at a registry, as podman, skopeo and Docker find it (containers-auth.json(5), Docker's `config.json`): the
 * first file that knows something of the repository has the word. An entry is for a repository, a namespace or a
 * host; the one that says most of the repository's path is taken.
 */
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { checkAborted, ImageError, systemCode, systemReason } from '../errors.js'
import { readWhole } from '../files/read-whole.js'
import { runHelper } from './helper.js'

export type Credentials =
  | { kind: 'password'; username: string; password: string }
  /** An OAuth2 refresh token, which only a token server takes. */
  | { kind: 'identity'; token: string }

const ENTRY = v.object({
  auth: v.optional(v.string()),
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  identitytoken: v.optional(v.string()),
})
type Entry = v.InferOutput<typeof ENTRY>
const CONFIG = v.object({
  auths: v.nullish(v.record(v.string(), ENTRY)),
  credHelpers: v.nullish(v.record(v.string(), v.string())),
  credsStore: v.nullish(v.string()),
})
const HELPER_REPLY = v.object({ Username: v.string(), Secret: v.string() })
/** What Docker calls its own registry, in files and to helpers. */
const DOCKER_HUB = 'https://index.docker.io/v1/'

/** Who to be, where it is not left to the files that everybody has. */
export interface Identity {
  /** The one file to look in, as containers-auth.json(5) and Docker's `config.json` have it. */
  authFile?: string | undefined
  /** Who to be at this registry, whatever files say. */
  credentials?: { host: string; username: string; password: string } | undefined
}

/** Finds credentials in one registry. Each helper is asked once. */
export class CredentialFinder {
  private readonly asked = new Map<string, Promise<Credentials | undefined>>()

  /** @param host as users write it (`docker.io`, `registry.example:5000`) */
  constructor(
    private readonly host: string,
    private readonly signal: AbortSignal,
    private readonly environment: NodeJS.ProcessEnv = process.env,
    private readonly identity: Identity = {},
  ) {}

  /**
   * @returns undefined when nothing is known of the repository
   * @throws ImageError CREDENTIALS_INVALID; no secret is part of its message. ABORTED
   */
  async find(repository: string): Promise<Credentials | undefined> {
    const { authFile, credentials } = this.identity
    if (credentials !== undefined && serverOf(credentials.host) === serverOf(this.host))
      return { kind: 'password', username: credentials.username, password: credentials.password }
    if (authFile !== undefined && !existsSync(authFile))
      throw invalid(`cannot read ${authFile}: no such file`)
    for (const path of authFile === undefined ? authFiles(this.environment) : [authFile]) {
      const found = await this.findIn(path, repository)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Waits until no helper is left. */
  async close(): Promise<void> {
    await Promise.allSettled(this.asked.values())
  }

  private async findIn(path: string, repository: string): Promise<Credentials | undefined> {
    const config = await readConfig(path, this.signal)
    if (config === undefined) return undefined
    const { host } = this
    const server = serverOf(host) === 'index.docker.io' ? DOCKER_HUB : host
    const helper = config.credHelpers?.[server] ?? config.credHelpers?.[host] ?? config.credsStore
    if (helper) {
      const found = await this.ask(helper, server)
      if (found !== undefined) return found
    }
    const entry = entryFor(config.auths ?? {}, host, repository)
    return entry === undefined ? undefined : credentialsOf(entry, `${path}: auths of ${host}`)
  }

  private ask(helper: string, server: string): Promise<Credentials | undefined> {
    const before = this.asked.get(helper)
    if (before !== undefined) return before
    const answer = askHelper(helper, server, this.signal)
    this.asked.set(helper, answer)
    return answer
  }
}

/** In the order of podman and skopeo. */
function authFiles(environment: NodeJS.ProcessEnv): string[] {
  const { REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME, DOCKER_CONFIG } = environment
  const home = environment.HOME || homeOfUser()
  const runtime = XDG_RUNTIME_DIR || `/run/containers/${process.getuid?.() ?? 0}`
  const inHome = (...names: string[]): string | undefined => home && join(home, ...names)
  const configHome = XDG_CONFIG_HOME || inHome('.config')
  const docker = DOCKER_CONFIG || inHome('.docker')
  const runtimeFile = XDG_RUNTIME_DIR ? join(runtime, 'containers', 'auth.json') : join(runtime, 'auth.json')
  return [
    REGISTRY_AUTH_FILE || runtimeFile,
    configHome && join(configHome, 'containers', 'auth.json'),
    docker && join(docker, 'config.json'),
  ].filter((path): path is string => path !== undefined && path !== '')
}

/** undefined where the user has none. */
function homeOfUser(): string | undefined {
  try {
    return homedir()
  } catch {
    return undefined
  }
}

async function readConfig(
  path: string,
  signal: AbortSignal,
): Promise<v.InferOutput<typeof CONFIG> | undefined> {
  let text: string
  try {
    text = (await readWhole(path, signal))!.toString()
  } catch (error) {
    checkAborted(signal)
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw invalid(`cannot read ${path}: ${systemReason(error)}`)
  }
  const parsed = v.safeParse(CONFIG, parseJson(text, path))
  if (parsed.success) return parsed.output
  throw invalid(
    `${path}: key "${v.getDotPath(parsed.issues[0]) ?? ''}": expected ${parsed.issues[0].expected}`,
  )
}

/** @param source where the text comes from, for the message, which shows nothing of it */
function parseJson(text: string, source: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(`${source}: expected JSON, found other text`)
  }
}

/** The entry whose key is the longest beginning of `HOST/REPOSITORY`, by components of the path. */
function entryFor(auths: Record<string, Entry>, host: string, repository: string): Entry | undefined {
  const entries = Object.entries(auths)
  const components = repository.split('/')
  for (let count = components.length; count >= 0; count--) {
    const wanted = [host, ...components.slice(0, count)].join('/')
    const exact = entries.find(([key]) => key === wanted)
    if (exact !== undefined) return exact[1]
    const other = entries.find(([key]) => scopeOf(key) === scopeOf(wanted))
    if (other !== undefined) return other[1]
  }
  return undefined
}

/** What a key of `auths` is for. A URL is for its host: that is what old Docker wrote. */
function scopeOf(key: string): string {
  const [, scheme, host = '', path = ''] = /^(https?:\/\/)?([^/]*)(.*)$/s.exec(key) ?? []
  return serverOf(host) + (scheme === undefined ? path : '')
}

/** All names of Docker Hub are one. */
function serverOf(host: string): string {
  return host === 'docker.io' || host === 'registry-1.docker.io' ? 'index.docker.io' : host
}

function credentialsOf(entry: Entry, where: string): Credentials | undefined {
  if (entry.identitytoken) return { kind: 'identity', token: entry.identitytoken }
  if (entry.auth) {
    const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(entry.auth, 'base64').toString()) ?? []
    if (username === undefined || password === undefined)
      throw invalid(`${where}: expected "auth" to be base64 of user:password, found other text`)
    return { kind: 'password', username, password: password.replace(/\0+$/, '') }
  }
  if (entry.username === undefined || entry.password === undefined) return undefined
  return { kind: 'password', username: entry.username, password: entry.password }
}

async function askHelper(
  helper: string,
  server: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper))
    throw invalid(`expected the name of a credential helper, found ${JSON.stringify(helper)}`)
  const program = `docker-credential-${helper}`
  const { status, output } = await runHelper(program, server, signal)
  if (status !== 0) {
    if (/credentials not found/i.test(output)) return undefined
    throw invalid(`${program}: expected credentials for ${server}, found exit status ${status}`)
  }
  const parsed = v.safeParse(HELPER_REPLY, parseJson(output, program))
  if (!parsed.success) throw invalid(`${program}: expected Username and Secret, found other JSON`)
  const { Username, Secret } = parsed.output
  if (Username === '<token>') return { kind: 'identity', token: Secret }
  return Secret === '' ? undefined : { kind: 'password', username: Username, password: Secret }
}

function invalid(message: string): ImageError {
  return new ImageError('CREDENTIALS_INVALID', message)
}
