/** What was verified of an image, as lines of text. */
import type { Verification } from '../verification/result.js'
import { differenceLines } from './differences.js'
import { printable } from './log.js'
import { amount } from './words.js'

/** A line for each problem, then one for what was read. */
export function verificationLines({ image, problems, checked, against, isValid }: Verification): string[] {
  const { images, layers, bytes } = checked
  const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`
  const read = `${count(images, 'image')}, ${count(layers, 'layer')}, ${amount(bytes)} read`
  return [
    ...problems.map(({ where, message }) => printable(`${where || image}: ${message}`)),
    ...(against === undefined ? [] : differenceLines(against)),
    printable(`${image}: ${isValid ? 'valid' : 'not valid'}: ${read}`),
  ]
}
