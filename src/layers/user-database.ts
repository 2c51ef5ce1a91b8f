/** Names of users and groups by number, from /etc/passwd and /etc/group (`pwd.getpwuid`, `grp.getgrgid`). */
import { readFileSync } from 'node:fs'
import { fsDecode } from '../python/fs-encoding.js'

/** The user's name, empty when the number is unknown. */
export function userName(uid: number): string {
  return lookUp('/etc/passwd', uid)
}

/** The group's name, empty when the number is unknown. */
export function groupName(gid: number): string {
  return lookUp('/etc/group', gid)
}

/** Both files have lines of `name:password:number:…`; the first line with the number counts. */
function lookUp(file: string, id: number): string {
  let text: string
  try {
    text = fsDecode(readFileSync(file))
  } catch {
    return ''
  }
  for (const line of text.split('\n')) {
    const [name, , number] = line.split(':')
    if (number === String(id) && name !== undefined && !/^[#+-]/.test(name)) return name
  }
  return ''
}
