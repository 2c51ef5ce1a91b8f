/**
 * Command lines as CPython's argparse reads them, for a parser that reads some otherwise: `-t=TAG` is the value
 * `TAG`, a long option may be cut short while it is like no other, and an option's value does not look like an option
 * itself, unless it is a negative number or holds a space. https://docs.python.org/3/library/argparse.html
 */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { Option } from 'commander'
import { ImageError } from '../errors.js'
import { fsDecode } from '../python/fs-encoding.js'
import { longForms, WholeOption } from './known-option.js'

/**
 * The command line. Node puts U+FFFD for bytes that are not UTF-8, so that a name would silently be another one.
 * @throws ImageError OPTION_INVALID for such bytes
 */
export function givenArguments(): string[] {
  const args = process.argv.slice(2)
  const wrong = args.findIndex((arg) => arg.includes('\ufffd'))
  if (wrong < 0) return args
  const bytes = readFileSync('/proc/self/cmdline').toString('latin1').split('\0').slice(0, -1)
  const found = Buffer.from(bytes.slice(-args.length)[wrong]!, 'latin1')
  if (isUtf8(found)) return args
  throw new ImageError('OPTION_INVALID', `argument ${wrong + 1}: expected UTF-8, found "${fsDecode(found)}"`)
}

const HELP = new Option('-h, --help')

/**
 * The same command line for commander. Where argparse finds an option without its value, it ends with that option;
 * a beginning that several options have stays as it is: commander refuses both.
 */
export function likeArgparse(args: readonly string[], known: readonly Option[]): string[] {
  const options = [...known, HELP]
  const out: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (arg === '--') return [...out, ...args.slice(i)]
    const found = find(arg, options)
    if (found === undefined) out.push(arg)
    else {
      out.push(found.name)
      if (found.value !== undefined) out.push(found.value)
      else if (found.option.required) {
        const value = args[++i]
        if (value === undefined || looksLikeOption(value, options)) return out
        out.push(value)
      }
    }
  }
  return out
}

interface Found {
  option: Option
  name: string
  value?: string | undefined
}

/** The option that an argument names, with the value behind its `=`. */
function find(arg: string, options: readonly Option[]): Found | undefined {
  const whole = options.find((option) => option.is(arg))
  if (whole !== undefined) return fits(whole, arg, undefined)
  const [, name = arg, value] = /^(-[^-=]|--[^=]*)=(.*)$/s.exec(arg) ?? []
  const exact = options.find((option) => option.is(name))
  if (exact !== undefined) return fits(exact, name, value)
  const cut = name.length > 2 ? options.filter((option) => isShortFor(name, option)) : []
  return cut.length === 1 ? fits(cut[0]!, cut[0]!.long!, value) : undefined
}

function isShortFor(name: string, option: Option): boolean {
  return !(option instanceof WholeOption) && longForms(option).some((it) => it.startsWith(name))
}

/** Nothing where a value was given that the option does not take. */
function fits(option: Option, name: string, value: string | undefined): Found | undefined {
  return value === undefined || option.required ? { option, name, value } : undefined
}

function looksLikeOption(arg: string, options: readonly Option[]): boolean {
  if (!arg.startsWith('-') || arg === '-') return false
  if (find(arg, options) !== undefined || options.some(({ short }) => arg.slice(0, 2) === short)) return true
  return !/^-\d+$|^-\d*\.\d+$/.test(arg) && !arg.includes(' ')
}
