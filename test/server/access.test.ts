import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { command, skipWithout } from '../support/clients.js'
import { writeConf } from '../support/image.js'
import { makeCertificate } from '../support/registry.js'
import { scratchDirectory } from '../support/scratch.js'
import { startServe } from '../support/serve.js'

const root = scratchDirectory()
const conf = writeConf(root, { repo_tag: 'app:1' })

interface Answer {
  status: number
  headers: NodeJS.Dict<string | string[]>
  body: string
}

function ask(
  host: string,
  path: string,
  headers: Record<string, string> = {},
  secure = false,
): Promise<Answer> {
  const [hostname, port] = host.split(':')
  const send = secure ? requestSecure : requestPlain
  return new Promise((resolve, reject) => {
    const call = send({ hostname, port, path, headers, rejectUnauthorized: false }, (answer) => {
      let body = ''
      answer.setEncoding('utf8').on('data', (part: string) => {
        body += part
      })
      answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, body }))
    })
    call.on('error', reject).end()
  })
}

function basic(user: string, password: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

describe('who may ask', () => {
  test('a page that a browser shows cannot, by a name that its owner points here', async () => {
    const { host } = await startServe([conf, '--host', 'Images.example'])
    const [, port] = host.split(':')
    for (const name of ['127.0.0.1', '[::1]', 'localhost', 'LOCALHOST', '192.0.2.1', 'images.example'])
      for (const suffix of ['', `:${port}`, ':'])
        assert.equal((await ask(host, '/v2/', { host: name + suffix })).status, 200, name + suffix)
    for (const name of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'a@127.0.0.1',
      '[::1].x',
    ])
      for (const path of ['/', '/v2/', '/v2/app/manifests/1'])
        assert.equal((await ask(host, path, { host: name })).status, 421, name)
  })

  test('with --token, who knows it', async () => {
    const file = join(root, 'token')
    writeFileSync(file, 'a-token-of-some-length\n')
    const { host } = await startServe([conf, '--token', file])
    const anonymous = await ask(host, '/v2/')
    assert.equal(anonymous.status, 401)
    assert.match(String(anonymous.headers['www-authenticate']), /^Basic realm=/)
    assert.match(anonymous.body, /UNAUTHORIZED/)
    for (const path of ['/', '/v2/_catalog', '/v2/app/tags/list', '/v2/app/manifests/1', '/nothing'])
      assert.equal((await ask(host, path)).status, 401, path)
    for (const headers of [
      basic('anybody', 'a-token-of-some-length'),
      { authorization: 'Bearer a-token-of-some-length' },
      { authorization: 'bearer  a-token-of-some-length' },
    ])
      assert.equal((await ask(host, '/v2/app/manifests/1', headers)).status, 200)
    for (const headers of [
      basic('anybody', 'a-token-of-some-lengt'),
      basic('a-token-of-some-length', ''),
      { authorization: 'Bearer a-token-of-some-length2' },
      { authorization: 'Digest a-token-of-some-length' },
      { authorization: 'a-token-of-some-length' },
      { authorization: 'Basic !!!' },
    ])
      assert.equal((await ask(host, '/v2/', headers)).status, 401)
  })

  test('with --htpasswd, its users; many wrong passwords at once are not even looked at', {
    skip: skipWithout('htpasswd'),
  }, async () => {
    const file = join(root, 'htpasswd')
    const lines = ['me', 'you'].map((user) => command('htpasswd', ['-nbB', user, `word of ${user}`]))
    writeFileSync(file, `# users\n${lines.join('\n')}\n`)
    const { host } = await startServe([conf, '--htpasswd', file])
    assert.equal((await ask(host, '/v2/', basic('me', 'word of me'))).status, 200)
    const wrong = Array.from({ length: 40 }, (_, i) => ask(host, '/v2/', basic('me', `word ${i}`)))
    // While they wait, who is known goes on.
    const good = await Promise.all(
      Array.from({ length: 40 }, () => ask(host, '/v2/', basic('me', 'word of me'))),
    )
    assert.deepEqual(new Set(good.map(({ status }) => status)), new Set([200]))
    const first = await Promise.race(wrong.map(async (it, i) => ({ ...(await it), i })))
    assert.ok(first.status === 401 || first.status === 429, `${first.status}`)
    const refused = (await Promise.all(wrong)).filter(({ status }) => status === 429)
    assert.ok(refused.length >= 20, `${refused.length}`)
    assert.match(refused[0]!.body, /TOOMANYREQUESTS/)
    assert.equal(refused[0]!.headers['retry-after'], '1')
    assert.equal((await ask(host, '/v2/', basic('you', 'word of me'))).status, 401)
    assert.equal((await ask(host, '/v2/', basic('nobody', 'word of me'))).status, 401)
    assert.equal((await ask(host, '/v2/', basic('you', 'word of you'))).status, 200)
  })

  test('another address with TLS and a token; skopeo takes it', {
    skip: skipWithout('openssl', 'skopeo'),
  }, async () => {
    makeCertificate(join(root, 'tls'))
    const file = join(root, 'tls-token')
    writeFileSync(file, 'another-token-of-some-length')
    const tls = ['--tls-cert', join(root, 'tls', 'ca.pem'), '--tls-key', join(root, 'tls', 'key.pem')]
    const serving = await startServe([conf, '--listen', '0.0.0.0:0', ...tls, '--token', file])
    const host = serving.host.replace('0.0.0.0', '127.0.0.1')
    const page = await ask(host, '/', basic('x', 'another-token-of-some-length'), true)
    assert.match(page.body, new RegExp(`<pre>docker pull ${host}/app:1\npodman pull ${host}/app:1\n`))
    assert.equal(page.headers['content-security-policy'], "default-src 'none'; style-src 'unsafe-inline'")
    const args = ['--cert-dir', join(root, 'certs'), '--creds', 'x:another-token-of-some-length']
    command('mkdir', ['-p', join(root, 'certs')])
    command('cp', [join(root, 'tls', 'ca.pem'), join(root, 'certs', 'ca.crt')])
    const found = command('skopeo', ['inspect', ...args, `docker://${host}/app:1`])
    assert.equal((JSON.parse(found) as { Layers: string[] }).Layers.length, 1)
  })

  test('another address without either, when that is asked for', async () => {
    const { host } = await startServe([conf, '--listen', ':0', '--insecure'])
    assert.match(host, /^0\.0\.0\.0:/)
    assert.equal((await ask(host.replace('0.0.0.0', '127.0.0.1'), '/v2/')).status, 200)
  })

  test('the page lists images with the commands that take them, whatever they are called', async () => {
    const { host } = await startServe([conf])
    const { body, headers } = await ask(host, '/')
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.match(
      body,
      new RegExp(`docker pull ${host}/app:1\npodman pull --tls-verify=false ${host}/app:1\nctr`),
    )
    assert.ok(!(await ask(host, '/', { host: '127.0.0.1:"<b>' })).body.includes('<b>'))
  })
})
