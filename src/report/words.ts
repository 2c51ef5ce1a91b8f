/** Amounts, times and layers, in a few characters. */
import type { LayerSource } from '../model/layer.js'

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** `1.2 GB`, in powers of 1000. */
export function amount(bytes: number): string {
  const unit = unitOf(bytes)
  return `${inUnit(bytes, unit)} ${UNITS[unit]}`
}

/** `1.2 of 2.9 GB` */
export function part(done: number, total: number): string {
  const unit = unitOf(total)
  return `${inUnit(done, unit)} of ${inUnit(total, unit)} ${UNITS[unit]}`
}

function unitOf(bytes: number): number {
  let unit = 0
  for (let value = bytes; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000
  return unit
}

function inUnit(bytes: number, unit: number): string {
  const value = bytes / 1000 ** unit
  return value >= 10 || unit === 0 || value === 0 ? value.toFixed(0) : value.toFixed(1)
}

/** `3 layers` */
export function count(layers: number): string {
  return `${layers} ${layers === 1 ? 'layer' : 'layers'}`
}

/** `1.2 s`, `12 s`, `3 min 20 s`, `2 h 5 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const minutes = Math.round(whole / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** The path that a layer is known by; of several, the first, and how many more there are. */
export function pathOf(source: LayerSource): string {
  if (source.kind === 'customisation') return 'the customisation layer'
  if (source.kind !== 'store') return source.name
  const [first = 'nothing', ...others] = source.paths
  return others.length === 0 ? first : `${first} and ${others.length} more`
}

/** The same without what all store paths begin with: `glibc-2.38`. */
export function shortPathOf(source: LayerSource): string {
  return pathOf(source).replace(/^.*\/(?:[0-9a-df-np-sv-z]{32}-)?(?=[^/])/s, '')
}
