import assert from 'node:assert/strict'
import { Agent, get } from 'node:http'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { HttpServer } from '../../src/server/http-server.js'

test('a connection keeps nothing of the requests that it had', async () => {
  const sockets = new Set<Socket>()
  const listeners: number[] = []
  const server = new HttpServer({ host: '127.0.0.1', port: 0 }, async ({ socket }, response) => {
    sockets.add(socket)
    listeners.push(socket.listenerCount('close'))
    response.end('answer')
  })
  const address = await server.listen()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < 20; i++)
    await new Promise((resolve, reject) => {
      get(`http://${address}/`, { agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject)
    })
  agent.destroy()
  await server.close()
  assert.deepEqual([sockets.size, listeners.length, new Set(listeners).size], [1, 20, 1])
})
