/** conf.json as nixpkgs' dockerTools writes it: read without loss, validated, typed. */
import * as v from 'valibot'
import { asImageError, attempt, ImageError } from '../errors.js'
import { readRegular } from '../files/open-regular.js'
import { type Digest, digestOf } from '../model/digest.js'
import type { Owner } from '../model/owner.js'
import {
  type DateTime,
  isLocalTimeKnown,
  isoFormat,
  parseIsoFormat,
  timestamp,
  utcNow,
} from '../python/datetime.js'
import { type Json, JsonNumber } from '../python/json.js'
import { JsonSyntaxError, parseJson } from '../python/parse-json.js'
import { envEntries } from './env.js'

/** A validated configuration. */
export interface Conf extends Owner {
  /** Of the document itself. */
  digest: Digest
  architecture: string
  /** The image's `config` object, passed through unchanged. */
  config: Json
  /** As `datetime.isoformat` prints it. */
  created: string
  /** Path of a base image archive, or null. */
  fromImage: string | null
  repoTag: string
  storeDir: string
  storeLayers: string[][]
  /** Directory that holds `layer.tar` and `checksum`. */
  customisationLayer: string
  /** Paths of layer files; what nixpkgs writes has none. */
  knownLayers?: string[] | undefined
}

/** @throws ImageError CONF_UNREADABLE or CONF_INVALID, naming the file and the key. */
export function readConf(path: string): Conf {
  const bytes = attempt('CONF_UNREADABLE', `cannot read the configuration ${path}`, () => readRegular(path))
  return decodeConf(bytes, path)
}

/** As {@link parseConf}, of the document's bytes. */
export function decodeConf(bytes: Buffer, source: string): Conf {
  return parseConf(decode(bytes, source), source)
}

/**
 * @param text the JSON document
 * @param source what to call it in messages
 * @throws ImageError CONF_INVALID
 */
export function parseConf(text: string, source: string): Conf {
  let document: Json
  try {
    document = parseJson(text)
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw asImageError(error, 'CONF_INVALID', source)
    throw new ImageError('CONF_INVALID', `${source}: ${error.message}`, {
      hint: 'the configuration is the JSON file that dockerTools.streamLayeredImage writes',
    })
  }
  if (!(document instanceof Map)) {
    throw new ImageError('CONF_INVALID', `${source}: expected an object, found ${shape(document)}`)
  }
  const result = v.safeParse(CONF, Object.fromEntries(document))
  if (!result.success) throw invalid(source, result.issues[0])
  const { config, from_image } = result.output
  if (from_image !== null) envEntries(config as Json, source)
  return toConf(result.output, digestOf(Buffer.from(text)))
}

const NO_NUL = v.check((text: string) => !text.includes('\0'), 'a string without NUL characters')
const TEXT = v.pipe(v.string('a string'), NO_NUL)
const PATH = v.pipe(TEXT, v.nonEmpty('a path that is not empty'))
const ID = v.pipe(
  v.union([v.string(), v.instance(JsonNumber)], 'an integer, as a number or a string'),
  v.check((id) => pythonInt(id) !== undefined, 'an integer, as a number or a string'),
  v.transform((id) => pythonInt(id)!),
)
const TIME = v.pipe(
  v.string('"now" or an ISO 8601 time'),
  v.check((text) => text === 'now' || parseIsoFormat(text) !== undefined, '"now" or an ISO 8601 time'),
)
const MTIME = v.pipe(
  TIME,
  v.check(
    (text) => isLocalTimeKnown(parseIsoFormat(text) ?? utcNow()),
    'an offset from UTC, as in 1970-01-01T00:00:01+00:00, since the rules of the local time are not known here',
  ),
)
const CONF = v.object({
  architecture: v.string('a string'),
  config: v.union([v.instance(Map), v.null()], 'an object'),
  created: TIME,
  mtime: MTIME,
  from_image: v.nullable(v.pipe(v.string('a path or null'), NO_NUL, v.nonEmpty('a path or null'))),
  repo_tag: v.string('a string'),
  store_dir: TEXT,
  store_layers: v.array(v.array(PATH, 'a list of store paths'), 'a list of lists of store paths'),
  customisation_layer: PATH,
  uid: ID,
  gid: ID,
  uname: TEXT,
  gname: TEXT,
  known_layers: v.optional(v.array(PATH, 'a list of paths of layer files')),
})

/** `int(id)`: of a number with a fraction the whole part; undefined where Python raises an error. */
function pythonInt(id: string | JsonNumber): bigint | undefined {
  const text = typeof id === 'string' ? id : id.text
  if (/^\s*[-+]?\d+(_\d+)*\s*$/.test(text)) return BigInt(text.replaceAll(/[\s+_]/g, ''))
  return id instanceof JsonNumber && Number.isFinite(Number(text))
    ? BigInt(Math.trunc(Number(text)))
    : undefined
}

function toConf(raw: v.InferOutput<typeof CONF>, digest: Digest): Conf {
  const now = utcNow()
  const moment = (text: string): DateTime => (text === 'now' ? now : parseIsoFormat(text)!)
  return {
    digest,
    architecture: raw.architecture,
    config: raw.config as Json,
    created: isoFormat(moment(raw.created)),
    mtime: timestamp(moment(raw.mtime)),
    fromImage: raw.from_image,
    repoTag: raw.repo_tag,
    storeDir: raw.store_dir,
    storeLayers: raw.store_layers,
    customisationLayer: raw.customisation_layer,
    uid: raw.uid,
    gid: raw.gid,
    uname: raw.uname,
    gname: raw.gname,
    ...(raw.known_layers === undefined ? {} : { knownLayers: raw.known_layers }),
  }
}

function decode(bytes: Buffer, source: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new ImageError('CONF_INVALID', `${source}: expected UTF-8 text, found bytes that are not`, {
      cause: error,
    })
  }
}

function invalid(source: string, issue: v.BaseIssue<unknown>): ImageError {
  const key = v.getDotPath(issue) ?? ''
  const found = issue.input === undefined ? 'nothing' : shape(issue.input as Json)
  const expected = issue.input === undefined && issue.type === 'object' ? 'this key' : issue.message
  return new ImageError('CONF_INVALID', `${source}: key "${key}": expected ${expected}, found ${found}`)
}

/** A value in a few words for a message. */
function shape(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Map) return 'an object'
  if (value instanceof JsonNumber) return value.text
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
