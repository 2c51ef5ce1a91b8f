/**
 * Who to be at a registry, as Docker finds it: `credHelpers`, `credsStore` and `auths` of `config.json` in
 * `DOCKER_CONFIG`, by default `~/.docker`; or `auths` of the file that `REGISTRY_AUTH_FILE` names.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { ImageError, systemCode, systemReason } from '../errors.js'

export type Credentials =
  | { kind: 'password'; username: string; password: string }
  /** An OAuth2 refresh token, which only a token server takes. */
  | { kind: 'identity'; token: string }

const CONFIG = v.object({
  auths: v.optional(
    v.record(
      v.string(),
      v.object({
        auth: v.optional(v.string()),
        username: v.optional(v.string()),
        password: v.optional(v.string()),
        identitytoken: v.optional(v.string()),
      }),
    ),
  ),
  credHelpers: v.optional(v.record(v.string(), v.string())),
  credsStore: v.optional(v.string()),
})
const HELPER_REPLY = v.object({ Username: v.string(), Secret: v.string() })

/**
 * @param host as users write it (`docker.io`, `registry.example:5000`)
 * @returns undefined when nothing is known of the registry
 * @throws ImageError CREDENTIALS_INVALID; no secret is part of its message
 */
export async function findCredentials(
  host: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Credentials | undefined> {
  const path =
    environment.REGISTRY_AUTH_FILE ??
    join(environment.DOCKER_CONFIG ?? join(homedir(), '.docker'), 'config.json')
  const config = readConfig(path)
  if (config === undefined) return undefined
  const server = host === 'docker.io' ? 'https://index.docker.io/v1/' : host
  const helper = config.credHelpers?.[server] ?? config.credHelpers?.[host] ?? config.credsStore
  if (helper !== undefined && helper !== '') {
    const found = await askHelper(helper, server)
    if (found !== undefined) return found
  }
  const wanted = hostOf(server)
  const entry = Object.entries(config.auths ?? {}).find(([name]) => hostOf(name) === wanted)?.[1]
  if (entry === undefined) return undefined
  if (entry.identitytoken) return { kind: 'identity', token: entry.identitytoken }
  if (entry.auth) {
    const [, username, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(entry.auth, 'base64').toString()) ?? []
    if (username === undefined || password === undefined)
      throw invalid(
        `${path}: auths of ${host}: expected "auth" to be base64 of user:password, found other text`,
      )
    return { kind: 'password', username, password: password.replace(/\0+$/, '') }
  }
  if (entry.username === undefined || entry.password === undefined) return undefined
  return { kind: 'password', username: entry.username, password: entry.password }
}

function readConfig(path: string): v.InferOutput<typeof CONFIG> | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
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

/** `registry.example:5000` of `https://registry.example:5000/v1/`. */
function hostOf(server: string): string {
  return server.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
}

/** The credential helper protocol of docker-credential-helpers. */
async function askHelper(helper: string, server: string): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper))
    throw invalid(`expected the name of a credential helper, found ${JSON.stringify(helper)}`)
  const program = `docker-credential-${helper}`
  const { status, output } = await run(program, server)
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

function run(program: string, input: string): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(`${program}`, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: 30_000 })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', (error) => reject(invalid(`cannot run ${program}: ${systemReason(error)}`)))
    child.on('close', (status) => resolve({ status, output }))
    child.stdin.on('error', () => {})
    child.stdin.end(input)
  })
}

function invalid(message: string): ImageError {
  return new ImageError('CREDENTIALS_INVALID', message)
}
