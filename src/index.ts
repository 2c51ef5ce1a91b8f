export { buildImage, buildIndex, copyImage } from './build-image.js'
export type { ImageDiff } from './comparison/result.js'
export { type DiffOptions, diffImages } from './diff-images.js'
export { dryRun } from './dry-run.js'
export { type ErrorCode, ImageError } from './errors.js'
export { type InspectOptions, inspectImage } from './inspect-image.js'
export type { ImageFacts } from './inspection/facts.js'
export type { WhyFacts } from './inspection/why.js'
export type { Digest } from './model/digest.js'
export type { BuildEvent } from './model/events.js'
export type { LayerSource } from './model/layer.js'
export type {
  BuildOptions,
  BuildResult,
  CopyOptions,
  DeliveryOptions,
  DryRunResult,
  IndexOptions,
  IndexResult,
  ReadOptions,
} from './options.js'
export { type SbomOptions, sbomOf } from './sbom-image.js'
export { type Conf, parseConf, readConf } from './spec/conf.js'
export type { Verification } from './verification/result.js'
export { type VerifyOptions, verifyImage } from './verify-image.js'
export { type WhyOptions, whyInImage } from './why-image.js'
