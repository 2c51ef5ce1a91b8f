/** conf.json as nixpkgs' dockerTools writes it: read without loss, validated, typed. */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { asImageError, ImageError, systemReason } from '../errors.js'
import { type DateTime, isoFormat, parseIsoFormat, timestamp, utcNow } from '../python/datetime.js'
import { type Json, JsonNumber } from '../python/json.js'
import { JsonSyntaxError, parseJson } from '../python/parse-json.js'

/** Who owns the members of store layers, and their time. */
export interface Ownership {
  /** Whole seconds since the epoch. */
  mtime: number
  uid: bigint
  gid: bigint
  uname: string
  gname: string
}

/** A validated configuration. */
export interface Conf extends Ownership {
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
}

/** @throws ImageError CONF_UNREADABLE or CONF_INVALID, naming the file and the key. */
export function readConf(path: string): Conf {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new ImageError('CONF_UNREADABLE', `cannot read the configuration ${path}: ${systemReason(error)}`, {
      cause: error,
    })
  }
  return parseConf(decode(bytes, path), path)
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
  return toConf(result.output)
}

const NO_NUL = v.check((text: string) => !text.includes('\0'), 'a string without NUL characters')
const TEXT = v.pipe(v.string('a string'), NO_NUL)
const PATH = v.pipe(TEXT, v.nonEmpty('a path that is not empty'))
const ID = v.pipe(
  v.union([v.string(), v.instance(JsonNumber)], 'an integer, as a number or a string'),
  v.check((id) => /^\s*[-+]?\d+(_\d+)*\s*$/.test(digits(id)), 'an integer, as a number or a string'),
  v.transform((id) => BigInt(digits(id).replaceAll(/[\s+_]/g, ''))),
)
const TIME = v.pipe(
  v.string('"now" or an ISO 8601 time'),
  v.check((text) => text === 'now' || parseIsoFormat(text) !== undefined, '"now" or an ISO 8601 time'),
)
const CONF = v.object({
  architecture: v.string('a string'),
  config: v.union([v.instance(Map), v.null()], 'an object'),
  created: TIME,
  mtime: TIME,
  from_image: v.nullable(v.pipe(v.string('a path or null'), NO_NUL, v.nonEmpty('a path or null'))),
  repo_tag: v.string('a string'),
  store_dir: TEXT,
  store_layers: v.array(v.array(PATH, 'a list of store paths'), 'a list of lists of store paths'),
  customisation_layer: PATH,
  uid: ID,
  gid: ID,
  uname: TEXT,
  gname: TEXT,
})

function digits(id: string | JsonNumber): string {
  return typeof id === 'string' ? id : id.text
}

function toConf(raw: v.InferOutput<typeof CONF>): Conf {
  const now = utcNow()
  const moment = (text: string): DateTime => (text === 'now' ? now : parseIsoFormat(text)!)
  return {
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
