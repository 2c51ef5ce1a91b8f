/** OCI content descriptor. */
export interface Descriptor {
  mediaType: string
  /** `sha256:…` */
  digest: string
  /** Bytes. */
  size: number
  annotations?: Record<string, string>
}

/** A blob of a few bytes. */
export interface Document {
  descriptor: Descriptor
  bytes: Buffer
}
