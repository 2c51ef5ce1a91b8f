import { handled } from '../errors.js'

/** A function that runs when it is first called, and gives the same promise each time. */
export function once<T>(run: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= handled(run())
    return result
  }
}
