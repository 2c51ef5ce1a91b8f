/** Which files and directories a run writes to, and that none of them gets into the way of another. */
import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ImageError } from '../errors.js'
import { lookAtTarget } from './target.js'

/** A file or a directory, by its name for messages. */
export interface NamedPath {
  name: string
  path: string
  /** Whether it is an image layout: what lies below it is its own. */
  isLayout?: boolean
}

/**
 * @param files and layouts that are written, one after the other, so that of two files that are the same the first would be
 *   lost
 * @param read files and layouts that are read
 * @throws ImageError DESTINATION_INVALID, OUTPUT_FAILED
 */
export function expectApart(files: readonly NamedPath[], read: readonly NamedPath[]): void {
  const named = (all: readonly NamedPath[]): [string, string][] =>
    all.map(({ name, path }) => [realPlace(path), name])
  const layouts = new Map(named([...files, ...read].filter(({ isLayout }) => isLayout)))
  const byPlace = new Map(named(read.filter(({ isLayout }) => !isLayout)))
  // A layout may take several images.
  for (const { name, path } of files.filter(({ isLayout }) => !isLayout)) {
    const place = path === '-' ? path : fileAt(path)
    // What takes bytes as they come, a device, may take several.
    if (place === undefined) continue
    const layout = path === '-' ? undefined : placesTo(place).find((it) => layouts.has(it))
    if (layout !== undefined)
      throw new ImageError(
        'DESTINATION_INVALID',
        `${name}: expected a place outside of the image layout, found it in ${layouts.get(layout)}`,
      )
    const other = byPlace.get(place)
    if (other !== undefined)
      throw new ImageError(
        'DESTINATION_INVALID',
        `${name}: expected a file of its own, found it is ${other} too`,
      )
    byPlace.set(place, name)
  }
}

/**
 * @param written files and directories that are written to while the image is made
 * @param sources store paths, Python strings: what is written below one would be part of the image
 * @throws ImageError DESTINATION_INVALID
 */
export function expectOutside(written: readonly NamedPath[], sources: readonly string[]): void {
  if (written.length === 0) return
  const around = new Map<string, string>()
  for (const { name, path } of written)
    for (let place = realPlace(path); !around.has(place); place = dirname(place)) around.set(place, name)
  const parents = new Map<string, string>()
  for (const source of sources) {
    const parent = dirname(source)
    const real = parents.get(parent) ?? realPlace(parent)
    parents.set(parent, real)
    // The last part is not followed: a link is itself part of the image.
    const name = around.get(/^\.*$/.test(basename(source)) ? realPlace(source) : join(real, basename(source)))
    if (name !== undefined)
      throw new ImageError(
        'DESTINATION_INVALID',
        `${name}: expected a place outside of what goes into the image, found it in ${source}`,
      )
  }
}

function fileAt(path: string): string | undefined {
  const target = lookAtTarget(path)
  return target.kind === 'stream' ? undefined : realPlace(target.place)
}

/** A path and all directories that it is in. */
function placesTo(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [path] : [path, ...placesTo(parent)]
}

/** The path without links, as far as it is there. */
function realPlace(path: string): string {
  const whole = resolve(path)
  try {
    return realpathSync(whole)
  } catch {
    const parent = dirname(whole)
    return parent === whole ? whole : resolve(realPlace(parent), basename(whole))
  }
}
