/** The explorer's page in a real browser. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { explore } from '../../src/explorer/explore.js'
import { imageData } from '../../src/explorer/image-data.js'
import { explorerPage } from '../../src/explorer/page.js'
import { readTimeline } from '../../src/explorer/timeline-data.js'
import type { ImageFacts } from '../../src/inspection/facts.js'
import { digestOf } from '../../src/model/digest.js'
import { Browser, type Tab, type View } from '../support/browser.js'
import { skipWithout } from '../support/clients.js'
import { imageFacts, storePath } from '../support/facts.js'
import { scratchDirectory } from '../support/scratch.js'

const root = scratchDirectory()
const [glibc, openssl, app] = [
  storePath(1, 'glibc-2.40'),
  storePath(2, 'openssl-3.4'),
  storePath(3, 'app-1.0'),
]
const directories = [
  { path: 'lib', bytes: 150_000, members: 3 },
  { path: 'lib/gconv', bytes: 90_000, members: 2 },
  { path: 'share', bytes: 40_000, members: 2 },
]
const facts = imageFacts(
  [
    [{ path: glibc, bytes: 200_000, members: 9, directories }],
    [
      { path: openssl, bytes: 60_000, members: 3 },
      { path: app, bytes: 20_000, members: 3 },
    ],
    [{ path: app, bytes: 20_000, members: 3 }],
  ],
  {
    shared: [
      {
        image: 'older.tar',
        imageId: digestOf(Buffer.from('older')),
        of: 3,
        layers: 1,
        numbers: [1],
      },
    ],
  },
)
const references = new Map([
  [glibc, []],
  [openssl, [glibc]],
  [app, [openssl, glibc]],
])
const works = [
  { type: 'worked', thread: 1, task: 'checksum', subject: 'layer of glibc', from: 0.1, to: 0.4 },
  { type: 'worked', thread: 2, task: 'checksum', subject: 'layer of app', from: 0.2, to: 0.3 },
]

/** Scripts, markup, and what turns the direction of text: all of it stands in the page as it is written. */
const HOSTILE = [
  '</script><script>window.hacked = 1</script>',
  '<img src=x onerror="window.hacked = 1">',
  '"><svg onload=window.hacked=1>',
  "' onfocus='window.hacked = 1' autofocus='",
  '{{window.hacked = 1}}<!--',
  '\u2028\u202egnp.exe\u001b[31m',
]

function write(name: string, html: string): string {
  const file = join(root, name)
  writeFileSync(file, html)
  return pathToFileURL(file).href
}

const skip = skipWithout('chromium')
let browser: Browser

describe('the explorer in a browser', { skip }, () => {
  const wide: View = { width: 1280 }
  let url: string
  let tab: Tab
  const text = (selector: string): Promise<string> =>
    tab.evaluate(`document.querySelector(${JSON.stringify(selector)})?.textContent ?? ''`)
  const labels = (): Promise<string[]> =>
    tab.evaluate(`[...document.querySelectorAll('.map > button')].map((it) => it.ariaLabel)`)
  const focused = (): Promise<string> => tab.evaluate('document.activeElement.ariaLabel ?? ""')
  const trail = (): Promise<string[]> =>
    tab.evaluate(`[...document.querySelectorAll('.trail li')].map((it) => it.textContent)`)
  const reload = (): Promise<void> => tab.load(url, wide)

  before(async () => {
    const profile = join(root, 'profile')
    mkdirSync(profile)
    browser = await Browser.start(profile)
    const report = join(root, 'report.json')
    writeFileSync(report, JSON.stringify({ seconds: 0.5, events: works }))
    const timeline = await readTimeline(report, undefined)
    url = write('image.html', explorerPage({ ...imageData(facts, references), timeline }).html)
    tab = await browser.open(url, wide)
  })

  after(() => browser.close())

  test('opens without a complaint, and asks for nothing else', () => {
    assert.deepEqual(tab.complaints, [])
    assert.deepEqual(tab.requests, [url])
  })

  test('draws layers as large as they are, the largest first, and says so to those who do not see', async () => {
    assert.deepEqual(await labels(), [
      'layer 1: glibc-2.40, 200 kB, 67 %',
      'layer 2: openssl-3.4 …, 80 kB, 27 %',
      'layer 3: app-1.0, 20 kB, 6.7 %',
    ])
    const areas = await tab.evaluate<number[]>(
      `[...document.querySelectorAll('.map > button')].map((it) => (it.offsetWidth + 1) * (it.offsetHeight + 1))`,
    )
    const whole = areas.reduce((sum, area) => sum + area, 0)
    for (const [i, bytes] of [200, 80, 20].entries())
      assert.ok(Math.abs(areas[i]! / whole - bytes / 300) < 0.02, `${areas}`)
    assert.equal(await text('h1'), 'app.tar')
    assert.match(await text('.details'), /names.*app:1\.0.*platform.*linux\/amd64.*runs.*\/bin\/app/)
  })

  test('is gone into and out of with clicks', async () => {
    await tab.click('.map > button:nth-child(2)', 'corner')
    assert.deepEqual(await trail(), ['image', 'layer 2: openssl-3.4 …'])
    assert.deepEqual(await labels(), ['openssl-3.4, 60 kB, 75 %', 'app-1.0, 20 kB, 25 %'])
    assert.match(await text('.details'), /^Layer 2/)
    await tab.click('.map > button:nth-child(1)')
    assert.match(await text('.details'), /^openssl-3\.4path\/nix\/store\/0+2-openssl-3\.4/)
    await tab.click('.trail button')
    assert.deepEqual(await trail(), ['image'])
  })

  test('is gone into and out of with the keyboard, which is never lost', async () => {
    await reload()
    await tab.press('Tab', 'Tab')
    assert.match(await focused(), /^layer 1/)
    assert.match(await text('.told'), /^layer 1: glibc-2\.40: 200 kB, 67 % of the image$/)
    const outline = await tab.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle')
    assert.equal(outline, 'solid')
    await tab.press('ArrowRight')
    assert.match(await focused(), /^layer 2/)
    await tab.press('ArrowLeft', 'Enter')
    // What is alone in its layer is shown at once.
    assert.deepEqual(await trail(), ['image', 'layer 1: glibc-2.40', 'glibc-2.40'])
    assert.deepEqual(await labels(), [
      'lib, 150 kB, 75 %',
      'share, 40 kB, 20 %',
      'files and small directories, 10 kB, 5.0 %',
    ])
    assert.match(await focused(), /^lib/)
    await tab.press('Enter')
    assert.deepEqual(await labels(), ['gconv, 90 kB, 60 %', 'files and small directories, 60 kB, 40 %'])
    await tab.press('Escape')
    assert.match(await focused(), /^lib/)
    await tab.press('Escape')
    assert.match(await focused(), /^layer 1/)
    await tab.press('End')
    assert.match(await focused(), /^layer 3/)
    await tab.press('Escape')
    assert.match(await focused(), /^layer 3/)
  })

  test('finds store paths, and goes to them', async () => {
    await reload()
    await tab.press('Tab')
    await tab.type('SSL 3.4')
    assert.equal(await text('.status'), '1 found')
    assert.equal(await text('#found [aria-selected="true"]'), openssl.slice('/nix/store/'.length))
    await tab.press('Enter')
    assert.match(await focused(), /^openssl-3\.4, /)
    assert.deepEqual(await trail(), ['image', 'layer 2: openssl-3.4 …'])
    await tab.click('#search')
    await tab.type('nothing')
    assert.equal(await text('.status'), '0 found')
    assert.equal(await tab.evaluate('document.querySelector("#found").hidden'), true)
  })

  test('shows what a path refers to and is referred to by, one step each way', async () => {
    const lists = (): Promise<string[]> =>
      tab.evaluate(
        `[...document.querySelectorAll('.graph > div')].map((it) => it.innerText.replace(/\\n/g, ' '))`,
      )
    assert.deepEqual(await lists(), ['Referred to by 1 app-1.0', 'Refers to 1 glibc-2.40'])
    await tab.click('.graph > div:last-child button')
    assert.deepEqual(await lists(), ['Referred to by 2 openssl-3.4 app-1.0', 'Refers to 0'])
  })

  test('lists layers, what is in several, and how it compares; what did not change steps back', async () => {
    await reload()
    const rows = (label: string): Promise<string[]> =>
      tab.evaluate(
        `[...document.querySelectorAll('[aria-label="${label}"] tbody tr')].map((it) => it.innerText.split(/\\s*\\t\\s*/).join(' | '))`,
      )
    assert.match(
      (await rows('Layers'))[1]!,
      /^layer 2: openssl-3\.4 … \| 80 kB \| 81 kB \| 2 \| changed \| sha256:/,
    )
    assert.deepEqual(await rows('Store paths in several layers'), ['app-1.0 | 2, 3 | 20 kB | not known'])
    assert.match(await text('main'), /older\.tar: 2 layers of 3 changed, 100 kB; it has 3\./)
    await tab.click('#dim-0')
    assert.match(await tab.evaluate('document.querySelector(".map > button").className'), /\bdimmed\b/)
    assert.equal(await tab.evaluate('document.querySelectorAll(".map > .dimmed").length'), 1)
  })

  test('shows what the threads of a build did when', async () => {
    assert.equal(
      await tab.evaluate('document.querySelector("[role=img]").ariaLabel'),
      'Timeline: 2 works of 2 threads in 0.50 s',
    )
    const bar = await tab.evaluate<number[]>(`(() => {
      const track = document.querySelector('.track').getBoundingClientRect()
      const { left, width } = document.querySelector('.track .bar').getBoundingClientRect()
      return [(left - track.left) / track.width, width / track.width]
    })()`)
    assert.deepEqual(
      bar.map((it) => Math.round(it * 10)),
      [2, 6],
    )
  })

  for (const width of [360, 1920])
    for (const scheme of ['light', 'dark'] as const)
      test(`can be read at ${width} pixels, ${scheme}`, async () => {
        await tab.look({ width, scheme })
        assert.equal(await tab.evaluate('document.documentElement.scrollWidth <= innerWidth'), true)
        const found = await tab.evaluate<Record<string, number>>(CONTRASTS)
        for (const [what, contrast] of Object.entries(found))
          assert.ok(contrast >= 4.5, `${what}: ${contrast}`)
        const isDark = await tab.evaluate<boolean>(
          'getComputedStyle(document.body).backgroundColor === "rgb(21, 23, 27)"',
        )
        assert.equal(isDark, scheme === 'dark')
      })

  test('an image that was not read has its layers by their blobs, and the names of what is in them', async () => {
    const { layers, ...image } = imageFacts([[{ path: glibc }, { path: app }], [{ path: openssl }]])
    const remote = layers.map(({ size: _, ...layer }, i) => ({
      ...layer,
      blob: { mediaType: 'x', digest: layer.diffId, size: 3000 * (i + 1) },
    }))
    const { html } = explorerPage(imageData({ ...image, layers: remote }, { missing: 'nobody was asked' }))
    const page = await browser.open(write('remote.html', html), wide)
    const all = '[...document.querySelectorAll(".map > button")].map((it) => it.ariaLabel)'
    assert.deepEqual(await page.evaluate(all), [
      'layer 2: openssl-3.4, 6.0 kB, 67 %',
      'layer 1: glibc-2.40, 3.0 kB, 33 %',
    ])
    await page.click('.map > button:nth-child(2)')
    const details = await page.evaluate<string>('document.querySelector(".details").innerText')
    assert.match(details, /^Layer 1\n.*Sizes are not known.*-glibc-2\.40\n.*-app-1\.0$/s)
    await page.evaluate('document.querySelector("#search").focus()')
    await page.type('app')
    await page.press('Enter')
    assert.match(await page.evaluate('document.activeElement.ariaLabel'), /^layer 1/)
    assert.deepEqual(page.complaints, [])
  })

  test('hostile names are text, and run nothing', async () => {
    const paths = HOSTILE.map((name, i) => ({ path: `${storePath(i, name)}`, bytes: 100 + i }))
    const hostile = imageFacts([paths, [{ path: glibc }]], {
      image: HOSTILE[0]!,
      names: HOSTILE,
      config: { Cmd: HOSTILE },
    })
    const { html } = explorerPage(imageData(hostile, { missing: HOSTILE[1]! }))
    const page = await browser.open(write('hostile.html', html), wide)
    await page.click('.map > button:nth-child(1)', 'corner')
    await page.click('.map > button:nth-child(1)')
    await page.evaluate('document.querySelector("#search").focus()')
    await page.type('hacked')
    assert.equal(await page.evaluate('document.querySelectorAll("#found li").length'), 5)
    await page.press('Enter')
    assert.equal(await page.evaluate('typeof window.hacked'), 'undefined')
    assert.equal(await page.evaluate('document.querySelectorAll("img, svg, iframe").length'), 0)
    assert.equal(await page.evaluate('document.title'), HOSTILE[0])
    assert.deepEqual(page.complaints, [])
  })

  test('2,000 store paths in 100 layers are less than 500 kB, and all of them are found', async () => {
    const { html } = await explore(large())
    assert.ok(html.length < 500_000, `${html.length}`)
    const page = await browser.open(write('large.html', html), wide)
    assert.equal(
      (await page.evaluate<string>('document.querySelector("header").textContent')).includes(
        '2,000 store paths',
      ),
      true,
    )
    await page.evaluate('document.querySelector("#search").focus()')
    await page.type('package-1999.')
    await page.press('Enter')
    assert.match(await page.evaluate('document.querySelector(".details").textContent'), /^package-1999\.0/)
    assert.deepEqual(page.complaints, [])
  })
})

/** As nixpkgs makes them: a path a layer, and all that is left in the last. */
function large(): ImageFacts {
  const path = (i: number): ImageFacts['layers'][number]['storePaths'][number] => {
    const bytes = 10_000 + ((i * 7919) % 1000) ** 2
    const part = Math.floor(bytes / 3)
    const below = ['lib', 'share'].map((name) => ({ path: name, bytes: part, members: 9 }))
    return { path: storePath(i, `package-${i}.0`), bytes, members: 20, directories: below }
  }
  const paths = Array.from({ length: 2000 }, (_, i) => path(i))
  return imageFacts([...paths.slice(0, 99).map((it) => [it]), paths.slice(99)])
}

/** WCAG 2.2, "relative luminance" and "contrast ratio", of text against what is behind it. */
const CONTRASTS = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const luminance = (colour) => {
    canvas.fillStyle = colour
    canvas.fillRect(0, 0, 1, 1)
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
      .map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element) => {
    const { backgroundColor } = getComputedStyle(element)
    return backgroundColor === 'rgba(0, 0, 0, 0)' ? behind(element.parentElement) : backgroundColor
  }
  const found = {}
  for (const selector of ['h1', 'p', '.told', '.help', 'dt', 'dd', 'td', 'th', '.link', '.map > .cell > .label', '.cell .cell .label']) {
    for (const element of document.querySelectorAll(selector)) {
      const [light, dark] = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a)
      const contrast = (light + 0.05) / (dark + 0.05)
      found[selector] = Math.min(found[selector] ?? 99, contrast)
    }
  }
  return found
})()`
