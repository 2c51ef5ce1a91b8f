/** Registries on this machine: one that starts empty, and whether one answers. */
import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

export interface LocalRegistry {
  /** `127.0.0.1:PORT` */
  host: string
  /** Ends it, and removes all that it has. */
  stop(): void
}

/** Debian's `docker-registry`, with all its state in the directory. */
export async function startRegistry(directory: string): Promise<LocalRegistry> {
  const host = `127.0.0.1:${await freePort()}`
  const data = join(directory, 'registry')
  rmSync(data, { recursive: true, force: true })
  const config = join(directory, 'registry.yml')
  // JSON is YAML.
  writeFileSync(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: data } },
      http: { addr: host },
    }),
  )
  const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
  const stop = (): void => {
    process.off('exit', stop)
    registry.kill('SIGKILL')
    rmSync(data, { recursive: true, force: true })
  }
  process.once('exit', stop)
  registry.unref()
  await answers(host)
  return { host, stop }
}

/** Waits until somebody answers there. */
export async function answers(host: string): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const found = await fetch(`http://${host}/v2/`).catch(() => undefined)
    await found?.body?.cancel()
    if (found !== undefined) return
    await setTimeout(100)
  }
  throw new Error(`nobody answers at ${host}`)
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
