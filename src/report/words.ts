/** Amounts in a few characters. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** `1.2 GB`, in powers of 1000. */
export function amount(bytes: number): string {
  let unit = 0
  let value = bytes
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000
  return `${value >= 10 || unit === 0 || value === 0 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`
}
