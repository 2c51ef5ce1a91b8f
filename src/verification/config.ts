/** What is wrong with an image config by itself, for who reads it: Go's JSON refuses a document for one value of another type. */
import * as v from 'valibot'
import { parseDocument } from '../documents/json.js'
import type { Platform } from '../documents/oci-index.js'
import { isDigest } from '../model/digest.js'

const TEXT = v.nullish(v.string())
const TEXTS = v.nullish(v.array(v.string()))
const SET = v.nullish(v.record(v.string(), v.nullable(v.looseObject({}))))
const FLAG = v.nullish(v.boolean())
/** As Go's `time.Time` reads it (RFC 3339). */
const TIME = v.nullish(
  v.pipe(
    v.string(),
    v.regex(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
      'expected a time as RFC 3339 has it',
    ),
  ),
)
/** OCI image specification 1.1, "Image Configuration"; Docker image specification v1.2. */
const SETTINGS = v.nullish(
  v.looseObject({
    ...{ User: TEXT, WorkingDir: TEXT, StopSignal: TEXT, Hostname: TEXT, Domainname: TEXT },
    ...{ Env: TEXTS, Entrypoint: TEXTS, Cmd: TEXTS, Shell: TEXTS, OnBuild: TEXTS },
    ...{ ExposedPorts: SET, Volumes: SET, Labels: v.nullish(v.record(v.string(), v.string())) },
    ...{ Tty: FLAG, OpenStdin: FLAG, StdinOnce: FLAG, ArgsEscaped: FLAG, NetworkDisabled: FLAG },
    ...{ AttachStdin: FLAG, AttachStdout: FLAG, AttachStderr: FLAG },
    ...{
      StopTimeout: v.nullish(v.pipe(v.number(), v.integer())),
      Healthcheck: v.nullish(v.looseObject({ Test: TEXTS })),
    },
  }),
)
const ENTRY = v.looseObject({
  created: TIME,
  created_by: TEXT,
  author: TEXT,
  comment: TEXT,
  empty_layer: FLAG,
})
const CONFIG = v.looseObject({
  created: TIME,
  author: TEXT,
  architecture: v.pipe(v.string(), v.nonEmpty('expected a name')),
  os: v.pipe(v.string(), v.nonEmpty('expected a name')),
  variant: TEXT,
  config: SETTINGS,
  rootfs: v.looseObject({
    type: v.literal('layers'),
    diff_ids: v.nullish(v.array(v.custom<string>(isDigest, 'expected a SHA-256 digest'))),
  }),
  history: v.nullish(v.array(ENTRY)),
})

interface CheckedConfig {
  problems: string[]
  platform?: Platform
  diffIds: readonly string[]
}

/** @param layers how many the manifest has */
export function checkConfig(bytes: Buffer, layers: number): CheckedConfig {
  let document: unknown
  try {
    document = parseDocument(bytes)
  } catch (error) {
    return { problems: [`expected JSON: ${(error as Error).message}`], diffIds: [] }
  }
  const parsed = v.safeParse(CONFIG, document)
  if (!parsed.success)
    return {
      problems: parsed.issues.map(problemOf),
      diffIds: diffIdsOf(document),
    }
  const { rootfs, history, architecture, os, variant, config } = parsed.output
  const problems: string[] = []
  const diffIds = rootfs.diff_ids ?? []
  if (diffIds.length !== layers)
    problems.push(`rootfs.diff_ids: expected ${layers}, one for each layer, found ${diffIds.length}`)
  const entries = (history ?? []).filter((entry) => entry.empty_layer !== true)
  if (history && history.length > 0 && entries.length !== layers)
    problems.push(`history: expected ${layers} entries with a layer, found ${entries.length}`)
  const wrong = config?.Env?.find((entry) => !/^[^=]+=/s.test(entry))
  if (wrong !== undefined)
    problems.push(`config.Env: expected NAME=value, found ${JSON.stringify(wrong.slice(0, 80))}`)
  return { problems, diffIds, platform: { architecture, os, ...(variant ? { variant } : {}) } }
}

function problemOf(issue: v.InferIssue<typeof CONFIG>): string {
  const { message, expected, received } = issue
  const found = received === 'undefined' ? 'none' : received.slice(0, 200)
  const isOurs = message.startsWith('expected')
  return `${v.getDotPath(issue) ?? 'the config'}: ${isOurs ? message : `expected ${expected}`}, found ${found}`
}

/** Of a config that has other faults, too. */
function diffIdsOf(document: unknown): string[] {
  const parsed = v.safeParse(v.object({ rootfs: v.object({ diff_ids: v.array(v.string()) }) }), document)
  return parsed.success ? parsed.output.rootfs.diff_ids : []
}
