/** Why compressed data cannot be decoded; whoever reads a file says which. */

/** The data is not what its format asks for, or not what its checksums say. */
export class DamagedError extends Error {}

/** All of the data was given, and something follows that is none. */
export class TrailingError extends DamagedError {
  constructor() {
    super('something else follows it')
  }
}

/** The data asks for more than it gets, or for what is not supported. */
export class ExcessError extends Error {
  constructor(
    message: string,
    readonly hint: string,
  ) {
    super(message)
  }
}
