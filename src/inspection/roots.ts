/** The store paths that an image itself names: in its config, by links in its root. */
import type { Link } from './layer-reader.js'

/** @returns what each is named by: `Cmd`, `Env PATH`, `/bin/app` */
export function rootsOf(config: unknown, links: readonly Link[], storeDir: string): Map<string, string[]> {
  const roots = new Map<string, string[]>()
  const add = (reason: string, text: string): void => {
    for (const path of pathsIn(text, storeDir)) {
      const reasons = roots.get(path) ?? []
      if (!reasons.includes(reason)) reasons.push(reason)
      roots.set(path, reasons)
    }
  }
  if (typeof config === 'object' && config !== null)
    for (const [key, value] of Object.entries(config))
      for (const { part, text } of textsOf(value, key === 'Env'))
        add(part === '' ? key : `${key} ${part}`, text)
  for (const { path, target } of links) add(path, target)
  return roots
}

/** The strings in a value of the config; of variables and labels with their names. */
function textsOf(value: unknown, isEnv: boolean): { part: string; text: string }[] {
  if (typeof value === 'string') return [{ part: '', text: value }]
  if (Array.isArray(value))
    return value
      .filter((item) => typeof item === 'string')
      .map((text) => ({ part: isEnv ? text.split('=', 1)[0]! : '', text }))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([part, item]) => [
    { part, text: `${part} ${typeof item === 'string' ? item : ''}` },
  ])
}

/** Names have only these characters (the Nix manual, "Store path"). */
const NAME = /^[0-9a-zA-Z+\-._?=]+/

function pathsIn(text: string, storeDir: string): string[] {
  const [, ...parts] = text.split(`${storeDir}/`)
  return parts.flatMap((part) => {
    const name = NAME.exec(part)?.[0]
    return name === undefined ? [] : [`${storeDir}/${name}`]
  })
}
