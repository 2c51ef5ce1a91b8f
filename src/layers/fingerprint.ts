/** What tells that an archive file is still the one that was looked at. */
import type { Stats } from 'node:fs'
import { ImageError } from '../errors.js'
import type { Fingerprint } from '../model/recipe.js'

export function fingerprintOf(stats: Stats): Fingerprint {
  return { size: stats.size, inode: stats.ino, mtimeMs: stats.mtimeMs, ctimeMs: stats.ctimeMs }
}

/**
 * @param nameOf how a message shows the path: asked only for a message, since each file of an image comes by here
 * @throws ImageError FILE_CHANGED naming the path and the first property that differs
 */
export function expectSame(
  path: string,
  expected: Fingerprint,
  stats: Stats,
  nameOf: (path: string) => string = String,
): void {
  const found = fingerprintOf(stats)
  for (const key of ['size', 'inode', 'mtimeMs', 'ctimeMs'] as const) {
    if (found[key] !== expected[key])
      throw changed(nameOf(path), `${LABEL[key]} ${show(key, expected[key])}`, show(key, found[key]))
  }
}

/** The error for what is no longer as it was planned. */
export function changed(path: string, expected: string, found: string, cause?: unknown): ImageError {
  return new ImageError(
    'FILE_CHANGED',
    `${path} changed while the image was built: expected ${expected}, found ${found}`,
    {
      hint: 'nothing may write to an image’s inputs while it is built; run it again when nothing does',
      cause,
    },
  )
}

const LABEL = { size: 'size', inode: 'inode', mtimeMs: 'mtime', ctimeMs: 'ctime' } as const

function show(key: keyof Fingerprint, value: number): string {
  if (key === 'size') return `${value} bytes`
  return key === 'inode' ? String(value) : new Date(value).toISOString()
}
