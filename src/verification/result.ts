/** Whether an image is what it says. */
import type { ImageDiff } from '../comparison/result.js'

export interface Verification {
  image: string
  /** Whether there is no problem. */
  isValid: boolean
  problems: Problem[]
  /** What was read. Bytes are of blobs and of layers' archives. */
  checked: Checked
  /** Where the image was compared with a configuration, and differs. */
  against?: ImageDiff
}

export interface Problem {
  /** `manifest sha256:…`, `layer 3 (sha256:…)`, `manifest.json`; empty for the whole image. */
  where: string
  message: string
}

export interface Checked {
  images: number
  layers: number
  bytes: number
}
