/** Blobs to clients: what is read for one is let go of, whenever it goes. */
import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { digestOf } from '../../src/model/digest.js'
import type { Asked } from '../../src/server/answers.js'
import { BlobSender } from '../../src/server/blob-sender.js'
import type { ServedBlob } from '../../src/server/served-image.js'

/** Goes away with the piece of this number. */
class Client extends Writable {
  constructor(private left: number) {
    super({ highWaterMark: 1 })
  }

  setHeader(): void {}

  writeHead(): this {
    return this
  }

  override _write(_: unknown, _encoding: string, done: (error?: Error) => void): void {
    if (--this.left === 0) this.destroy()
    else done()
  }
}

for (const left of [1, 2, 3, Number.POSITIVE_INFINITY])
  test(`a client that takes ${left - 1} of three pieces`, async () => {
    let open = 0
    let sent = 0
    const bytes = Buffer.from('abc')
    const blob = {
      descriptor: { digest: digestOf(bytes), size: 3, mediaType: '' },
      async *bytes() {
        open++
        try {
          for (const byte of bytes) yield Buffer.of(byte)
        } finally {
          open--
        }
      },
    } as unknown as ServedBlob
    const sender = new BlobSender(
      () => sent++,
      async () => {},
    )
    const request = { headers: {}, method: 'GET' } as IncomingMessage
    const response = new Client(left) as unknown as ServerResponse
    const sending = sender.send(blob, { request, response } as Asked)
    if (left === Number.POSITIVE_INFINITY) await sending
    else await assert.rejects(sending)
    assert.deepEqual([open, sent], [0, left > 3 ? 1 : 0])
  })
