export { amount } from '../../report/words.js'

/** A share of a whole in percent. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '0 %'
  const value = (part / whole) * 100
  return `${value >= 10 || value === 0 ? value.toFixed(0) : value >= 0.1 ? value.toFixed(1) : '< 0.1'} %`
}

export function plural(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
}

/** A store path's name without its hash. */
export function shortName(name: string): string {
  return name.replace(/^[0-9a-z]{32}-(?=.)/, '')
}
