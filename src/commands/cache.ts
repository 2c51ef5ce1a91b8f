/** `stream-layered-image cache`: looks after remembered digests. */
import { type Command, InvalidArgumentError } from 'commander'
import type { CacheStore } from '../cache/store.js'
import { log } from '../report/log.js'
import { cachePlace, print } from './delivery.js'
import { run } from './run.js'

export function cacheCommand(program: Command, setStatus: (status: number) => void): void {
  const cache = program.command('cache').description('look after remembered digests').exitOverride()
  const verb = <O>(
    name: string,
    description: string,
    act: (store: CacheStore, options: O) => Promise<void>,
  ): Command =>
    cache
      .command(name)
      .description(description)
      .argument(
        '[place]',
        'a directory or redis://HOST:PORT; default: STREAM_LAYERED_IMAGE_CACHE, or the "default" one',
      )
      .allowExcessArguments(false)
      .exitOverride()
      .action(async (given: string | undefined, options: O) => {
        const action = async (signal: AbortSignal): Promise<void> => {
          const { openStore } = await import('../cache/open-store.js')
          const { parseCachePlace } = await import('../cache/place.js')
          const text = await cachePlace(given ?? (process.env.STREAM_LAYERED_IMAGE_CACHE || 'default'))
          const store = await openStore(parseCachePlace(text), { make: false, signal })
          try {
            await act(store, options)
          } finally {
            await store.close()
          }
        }
        setStatus(await run(false, action))
      })
  verb('stats', 'how many there are', async (store) =>
    print(JSON.stringify({ place: store.place, ...(await store.stats()) })),
  )
  verb<{ days: number }>('prune', 'remove old ones', async (store, { days }) =>
    log(`${await store.prune(days)} entries removed from ${store.place}`),
  ).option('--days <N>', 'older than N days', parseDays, 30)
  verb('clear', 'remove all', async (store) =>
    log(`${await store.clear()} entries removed from ${store.place}`),
  )
}

function parseDays(text: string): number {
  const days = Number(text)
  if (text === '' || Number.isNaN(days) || days < 0)
    throw new InvalidArgumentError(`expected a number of days, found "${text}".`)
  return days
}
