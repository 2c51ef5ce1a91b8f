/** A real Chromium without a window, driven by its DevTools protocol. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'undici'

interface Message {
  id?: number
  method?: string
  sessionId?: string
  params?: Record<string, unknown>
  result?: Record<string, unknown>
  error?: { message: string }
}

/** Milliseconds for anything that is waited for. */
const PATIENCE = 20_000

export class Browser {
  private readonly waiting = new Map<number, (message: Message) => void>()
  private readonly listeners = new Map<string, (message: Message) => void>()
  private count = 0

  private constructor(
    private readonly child: ChildProcess,
    private readonly socket: WebSocket,
  ) {
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as Message
      if (message.id !== undefined) this.waiting.get(message.id)?.(message)
      else if (message.sessionId !== undefined) this.listeners.get(message.sessionId)?.(message)
    })
  }

  /** @param directory an empty one, for its profile */
  static async start(directory: string): Promise<Browser> {
    const args = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
    ]
    const child = spawn(
      'chromium',
      [...args, '--remote-debugging-port=0', `--user-data-dir=${directory}`, 'about:blank'],
      { stdio: ['ignore', 'ignore', 'pipe'], detached: true },
    )
    let said = ''
    const address = await new Promise<string>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
        const [, found] = /DevTools listening on (ws:\S+)/.exec(said) ?? []
        if (found !== undefined) resolve(found)
      })
      child.once('close', () => reject(new Error(`chromium ended: ${said}`)))
    })
    const socket = new WebSocket(address)
    await new Promise((resolve) => socket.addEventListener('open', resolve))
    return new Browser(child, socket)
  }

  async close(): Promise<void> {
    const closed = once(this.child, 'close')
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5000)
    // It may be gone before it answers.
    void this.call('Browser.close')
    await closed
    clearTimeout(late)
    // What it started may write into its profile for a moment more.
    const group = -this.child.pid!
    for (let i = 0; i < 200 && isThere(group); i++) await sleep(10)
  }

  /** @returns what the method answers */
  async call(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.count
    const answer = new Promise<Message>((resolve) => this.waiting.set(id, resolve))
    this.socket.send(JSON.stringify({ id, method, params, sessionId }))
    const { result = {}, error } = await answer
    this.waiting.delete(id)
    assert.equal(error, undefined, `${method}: ${error?.message}`)
    return result
  }

  listen(sessionId: string, listener: (message: Message) => void): void {
    this.listeners.set(sessionId, listener)
  }

  /** Opens a page. */
  async open(url: string, view: View): Promise<Tab> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true })
    const tab = new Tab(this, String(sessionId))
    await tab.load(url, view)
    return tab
  }
}

function isThere(group: number): boolean {
  try {
    process.kill(group, 0)
    return true
  } catch {
    return false
  }
}

export interface View {
  width: number
  height?: number
  scheme?: 'light' | 'dark'
}

export class Tab {
  /** What the console was told, what was thrown, what the policy refused. */
  readonly complaints: string[] = []
  /** Addresses that were asked for. */
  readonly requests: string[] = []

  constructor(
    private readonly browser: Browser,
    private readonly session: string,
  ) {}

  async load(url: string, view: View): Promise<void> {
    let ready = (): void => {}
    const loaded = new Promise<void>((resolve) => {
      ready = resolve
    })
    this.browser.listen(this.session, ({ method, params }) => {
      if (method === 'Page.loadEventFired') ready()
      else if (method === 'Network.requestWillBeSent')
        this.requests.push((params as { request: { url: string } }).request.url)
      else if (
        ['Runtime.consoleAPICalled', 'Runtime.exceptionThrown', 'Log.entryAdded'].includes(method ?? '')
      )
        this.complaints.push(JSON.stringify(params))
    })
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.call(`${domain}.enable`)
    await this.look(view)
    await this.call('Page.navigate', { url })
    await loaded
  }

  /** Sets the size of the window, and which colours are wanted. */
  async look({ width, height = 900, scheme = 'light' }: View): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: false }
    await this.call('Emulation.setDeviceMetricsOverride', metrics)
    const features = [{ name: 'prefers-color-scheme', value: scheme }]
    await this.call('Emulation.setEmulatedMedia', { features })
    // What follows a resize is drawn by then.
    await this.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
  }

  /** @returns what an expression gives in the page */
  async evaluate<T>(expression: string): Promise<T> {
    const asked = { expression, awaitPromise: true, returnByValue: true, timeout: PATIENCE }
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', asked)
    assert.equal(exceptionDetails, undefined, `${expression}: ${JSON.stringify(exceptionDetails)}`)
    return (result as { value: T }).value
  }

  /** Presses keys, by their names: `Enter`, `ArrowDown`, `a`. */
  async press(...keys: readonly string[]): Promise<void> {
    const codes: Record<string, number> = { Enter: 13, Escape: 27, Tab: 9 }
    for (const key of keys) {
      const event = { key, code: key, windowsVirtualKeyCode: codes[key] ?? 0 }
      const text = key === 'Enter' ? '\r' : key.length === 1 ? key : undefined
      await this.call('Input.dispatchKeyEvent', { type: 'keyDown', ...event, text })
      await this.call('Input.dispatchKeyEvent', { type: 'keyUp', ...event })
    }
  }

  async type(text: string): Promise<void> {
    await this.call('Input.insertText', { text })
  }

  /** Clicks in the middle of what a selector finds first, or at its upper left. */
  async click(selector: string, at: 'middle' | 'corner' = 'middle'): Promise<void> {
    const place = await this.evaluate<{ x: number; y: number }>(`(() => {
      const element = document.querySelector(${JSON.stringify(selector)})
      element.scrollIntoView({ block: 'nearest' })
      const { left, top, width, height } = element.getBoundingClientRect()
      return ${at === 'middle' ? '{ x: left + width / 2, y: top + height / 2 }' : '{ x: left + 5, y: top + 5 }'}
    })()`)
    for (const type of ['mousePressed', 'mouseReleased'])
      await this.call('Input.dispatchMouseEvent', { type, ...place, button: 'left', clickCount: 1 })
  }

  async screenshot(file: string, isWhole = false): Promise<void> {
    const { data } = await this.call('Page.captureScreenshot', { captureBeyondViewport: isWhole })
    writeFileSync(file, Buffer.from(String(data), 'base64'))
  }

  private call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.browser.call(method, params, this.session)
  }
}
