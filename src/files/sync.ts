/** What is to survive a power cut: contents before the name, the name before success is told (fsync(2)). */
import { constants, fsync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { systemCode } from '../errors.js'

/** @throws the system's error, EIO for one */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await syncDescriptor(file.fd)
  } finally {
    await file.close()
  }
}

/** Has the names in a directory last. */
export async function syncDirectory(path: string): Promise<void> {
  let directory: FileHandle
  try {
    directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    // A directory may be written to without being readable.
    if (systemCode(error) === 'EACCES') return
    throw error
  }
  try {
    await syncDescriptor(directory.fd)
  } finally {
    await directory.close()
  }
}

export async function syncDescriptor(fd: number): Promise<void> {
  try {
    await promisify(fsync)(fd)
  } catch (error) {
    // Some file systems have nothing to sync.
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'ENOTSUP') throw error
  }
}
