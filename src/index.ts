export type { SbomFormat } from './attestations/sbom.js'
export { buildImage } from './build-image.js'
export { buildIndex } from './build-index.js'
export type {
  Costs,
  DiffSide,
  ImageDiff,
  LayerChange,
  SharedChange,
  ValueChange,
} from './comparison/result.js'
export { copyImage } from './copy-image.js'
export { type DiffOptions, diffImages } from './diff-images.js'
export type { Platform } from './documents/oci-index.js'
export { dryRun } from './dry-run.js'
export { type ErrorCode, ImageError, type ImageErrorOptions } from './errors.js'
export { type InspectOptions, inspectImage } from './inspect-image.js'
export type {
  BlobFacts,
  HistoryEntry,
  ImageFacts,
  LayerFacts,
  RepeatedFile,
  SharedFacts,
  Totals,
} from './inspection/facts.js'
export type { Chain, SizedPath, WhyFacts } from './inspection/why.js'
export type { Digest } from './model/digest.js'
export type { BuildEvent, LayerUnderWay } from './model/events.js'
export type { LayerSource } from './model/layer.js'
export type {
  BuildOptions,
  CompressionOptions,
  CopyOptions,
  DeliveryOptions,
  IndexOptions,
  ReadOptions,
} from './options.js'
export type { RegistryOptions } from './registry/session.js'
export type {
  Amount,
  AmountForeseen,
  BuildResult,
  DestinationResult,
  DryRunResult,
  ForeseenDestination,
  ForeseenLayer,
  IndexResult,
  LayerResult,
} from './results.js'
export { type SbomOptions, sbomOf } from './sbom-image.js'
export { type Conf, parseConf, readConf } from './spec/conf.js'
export type { Checked, Problem, Verification } from './verification/result.js'
export { type VerifyOptions, verifyImage } from './verify-image.js'
export { type WhyOptions, whyInImage } from './why-image.js'
