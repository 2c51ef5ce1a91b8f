/**
 * The demo as a picture that moves: its lines appear when they did. `npm run recording` writes bench/results/demo.svg.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const DEMO = fileURLToPath(new URL('./demo.js', import.meta.url))
const INTO = fileURLToPath(new URL('../../bench/results/demo.svg', import.meta.url))

/** Pixels of a line and of a character, characters of a line, and seconds that the last picture stays. */
const [LINE, CHARACTER, COLUMNS, REST] = [20, 8.4, 100, 6]

const lines: { at: number; text: string }[] = [{ at: 0, text: '$ npm run demo' }]
const start = performance.now()
const child = spawn(process.execPath, [DEMO, '--without-engines'], { stdio: ['ignore', 'ignore', 'pipe'] })
for await (const text of createInterface({ input: child.stderr }))
  lines.push({ at: (performance.now() - start) / 1000 + 0.5, text: text.slice(0, COLUMNS) })

const inXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const total = lines.at(-1)!.at + REST
const share = (at: number): string => ((at / total) * 100).toFixed(2)
const [width, height] = [COLUMNS * CHARACTER + 32, lines.length * LINE + 32]
const rules = lines.map(
  ({ at }, i) =>
    `@keyframes l${i}{0%,${share(at)}%{opacity:0}${share(at + 0.01)}%,100%{opacity:1}}.l${i}{animation:l${i} ${total.toFixed(1)}s infinite}`,
)
const texts = lines.map(
  ({ text }, i) =>
    `<text class="l${i}" x="16" y="${16 + (i + 0.75) * LINE}" xml:space="preserve">${inXml(text)}</text>`,
)
writeFileSync(
  INTO,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="The demo in a terminal">
<style>text{font:14px ui-monospace,Menlo,Consolas,monospace;fill:#d4d4d4}${rules.join('')}@media(prefers-reduced-motion){text{animation:none!important}}</style>
<rect width="100%" height="100%" rx="8" fill="#1e1e1e"/>
${texts.join('\n')}
</svg>
`,
)
process.stderr.write(`${INTO}: ${lines.length} lines, ${total.toFixed(1)} s\n`)
