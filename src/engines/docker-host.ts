/**
 * Which Docker daemon is meant, as Docker's own command finds it: DOCKER_HOST, otherwise the context that DOCKER_CONTEXT
 * or Docker's config.json names, otherwise the usual socket.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { failure, ImageError, systemCode } from '../errors.js'
import { isLoopback } from '../registry/reference.js'

export interface DockerHost {
  /** As people write it. */
  shown: string
  /** Whether it is on another machine, by its address. */
  isElsewhere: boolean
  way: Way
}

type Way =
  | { kind: 'unix'; path: string }
  | { kind: 'tcp'; host: string; port: number; tls: Tls | undefined }
  /** By the daemon's own command there. */
  | { kind: 'ssh'; args: string[] }

interface Tls {
  ca?: Buffer | undefined
  cert?: Buffer | undefined
  key?: Buffer | undefined
  rejectUnauthorized: boolean
}

const USUAL = 'unix:///var/run/docker.sock'

/** @throws ImageError ENGINE_FAILED naming the variable or file that is wrong */
export function findDockerHost(env: NodeJS.ProcessEnv = process.env): DockerHost {
  const directory = env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker')
  if (env.DOCKER_HOST) return parseHost(env.DOCKER_HOST, 'DOCKER_HOST', tlsOfEnvironment(env, directory))
  const context = env.DOCKER_CONTEXT || currentContext(directory)
  if (!context || context === 'default') return parseHost(USUAL, 'the usual socket', undefined)
  return ofContext(context, directory)
}

function tlsOfEnvironment(env: NodeJS.ProcessEnv, directory: string): Tls | undefined {
  if (!env.DOCKER_TLS_VERIFY) return undefined
  return readTls(env.DOCKER_CERT_PATH || directory, true)
}

function currentContext(directory: string): string | undefined {
  const CONFIG = v.object({ currentContext: v.optional(v.string()) })
  return readJson(join(directory, 'config.json'), CONFIG)?.currentContext
}

function ofContext(name: string, directory: string): DockerHost {
  // Docker's "context store" has directories by the names' digests.
  const id = createHash('sha256').update(name).digest('hex')
  const file = join(directory, 'contexts', 'meta', id, 'meta.json')
  const META = v.object({
    Endpoints: v.object({
      docker: v.object({ Host: v.string(), SkipTLSVerify: v.optional(v.boolean(), false) }),
    }),
  })
  const endpoint = readJson(file, META)?.Endpoints.docker
  if (endpoint === undefined)
    throw new ImageError('ENGINE_FAILED', `Docker context "${name}": expected ${file}, found none`, {
      hint: 'docker context ls shows those that there are',
    })
  const tls = readTls(join(directory, 'contexts', 'tls', id, 'docker'), !endpoint.SkipTLSVerify)
  const hasTls = tls.ca !== undefined || tls.cert !== undefined
  return parseHost(endpoint.Host, `Docker context "${name}"`, hasTls ? tls : undefined)
}

/** @param source where the address comes from @throws ImageError ENGINE_FAILED */
function parseHost(text: string, source: string, tls: Tls | undefined): DockerHost {
  const [, scheme, rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(text) ?? []
  if (scheme === 'unix' && rest.startsWith('/'))
    return { shown: text, isElsewhere: false, way: { kind: 'unix', path: rest } }
  if ((scheme === 'tcp' || scheme === 'http' || scheme === 'https') && URL.canParse(`http://${rest}`)) {
    const url = new URL(`http://${rest}`)
    const secure = scheme === 'https' ? (tls ?? { rejectUnauthorized: true }) : tls
    const port = Number(url.port) || (secure === undefined ? 2375 : 2376)
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const way = { kind: 'tcp', host, port, tls: secure } as const
    return { shown: `${scheme}://${url.host}`, isElsewhere: !isLoopback(url.hostname), way }
  }
  if (scheme === 'ssh' && URL.canParse(text)) {
    const { hostname, username, port, pathname } = new URL(text)
    // A host that begins with a dash would be an option.
    if (hostname !== '' && !hostname.startsWith('-')) return ofSsh(hostname, username, port, pathname)
  }
  throw new ImageError(
    'ENGINE_FAILED',
    `${source}: expected unix:///PATH, tcp://HOST:PORT or ssh://[USER@]HOST, found ${JSON.stringify(text.replace(/\/\/.*@/, '//***@'))}`,
  )
}

function ofSsh(host: string, user: string, port: string, path: string): DockerHost {
  const socket = path === '' || path === '/' ? [] : ['--host', `unix://${path}`]
  const args = [
    ...(user === '' ? [] : ['-l', decodeURIComponent(user)]),
    ...(port === '' ? [] : ['-p', port]),
    ...['-T', '-o', 'ConnectTimeout=30', '--', host, 'docker', ...socket, 'system', 'dial-stdio'],
  ]
  return { shown: `ssh://${host}`, isElsewhere: true, way: { kind: 'ssh', args } }
}

function readTls(directory: string, rejectUnauthorized: boolean): Tls {
  const read = (name: string): Buffer | undefined => readIfThere(join(directory, name))
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), rejectUnauthorized }
}

function readJson<Schema extends v.GenericSchema>(
  file: string,
  schema: Schema,
): v.InferOutput<Schema> | undefined {
  const bytes = readIfThere(file)
  if (bytes === undefined) return undefined
  try {
    return v.parse(schema, JSON.parse(bytes.toString()))
  } catch (cause) {
    throw new ImageError('ENGINE_FAILED', `${file}: expected Docker's configuration, found other content`, {
      cause,
    })
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw failure('ENGINE_FAILED', `cannot read ${file}`, error)
  }
}
