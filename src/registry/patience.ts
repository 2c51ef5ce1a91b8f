/**
 * How long a registry is waited for. Every wait of this folder has its bound here; tests put shorter ones in
 * their place.
 */
export interface Patience {
  /** Milliseconds for a connection with its TLS handshake. */
  connect: number
  /** Milliseconds without a byte, in either direction. */
  idle: number
  /** Milliseconds until an answer begins, when all of a request without a body is sent. */
  headers: number
  /** The same for a request with a body, beside {@link commitRate}. */
  commit: number
  /** Bytes a millisecond that the other side must at least work off before it answers. */
  commitRate: number
  /** Bytes a millisecond that a body must have on average, so that one that drips ends too. */
  slowest: number
  /** How often something is tried; when the other side was silent that counts twice. */
  attempts: number
  /** Milliseconds before the second attempt; twice as many before each further one. */
  firstWait: number
  /** Milliseconds that a `Retry-After` may ask for. */
  longestWait: number
  /** Milliseconds after which a wait for an answer is told. */
  notice: number
}

export const PATIENCE: Patience = {
  // A handshake takes three round trips; three lost packets are sent again within 7 s (RFC 6298).
  connect: 15_000,
  // What proxies commonly take for the end of a connection (nginx: proxy_read_timeout 60s).
  idle: 60_000,
  headers: 60_000,
  // Registries hash the whole blob and copy it into an object store before they answer: minutes were seen for
  // small ones; 8 MiB/s is a copy within a slow object store.
  commit: 300_000,
  commitRate: (8 << 20) / 1000,
  // A modem of the nineties: what is slower is no transfer.
  slowest: 1024 / 1000,
  // With their waits, over 10 s: a registry that is started anew is back. A silent one is given up after 3 × 60 s.
  attempts: 6,
  firstWait: 400,
  // Rate limits commonly count by the minute. All waits together then stay below 10 minutes.
  longestWait: 120_000,
  // When people begin to wonder.
  notice: 10_000,
}
