/**
 * Moments as CPython's `datetime` reads and prints them: `datetime.fromisoformat` (of 3.11 and later),
 * `datetime.isoformat` and `int(datetime.timestamp())`.
 */

export interface DateTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  microsecond: number
  /** Offset from UTC in microseconds; null for a naive time, which is local time. */
  offset: number | null
}

const SECOND = 1_000_000

/** `datetime.now(tz=timezone.utc)`, to the millisecond. */
export function utcNow(): DateTime {
  const now = new Date()
  return {
    year: now.getUTCFullYear(),
    month: now.getUTCMonth() + 1,
    day: now.getUTCDate(),
    hour: now.getUTCHours(),
    minute: now.getUTCMinutes(),
    second: now.getUTCSeconds(),
    microsecond: now.getUTCMilliseconds() * 1000,
    offset: 0,
  }
}

/** `datetime.fromisoformat(text)`; undefined where Python raises ValueError. */
export function parseIsoFormat(text: string): DateTime | undefined {
  const characters = [...text]
  if (characters.length < 7) return undefined
  const split = separatorIndex(characters)
  if (split === undefined) return undefined
  const date = parseDate(characters.slice(0, split).join(''))
  const rest = characters.slice(split + 1).join('')
  const time = rest === '' ? { clock: MIDNIGHT, offset: null } : parseTimeWithOffset(rest)
  if (date === undefined || time === undefined) return undefined
  const { hour, minute, second, microsecond } = time.clock
  if (hour > 23 || minute > 59 || second > 59) return undefined
  return { ...date, hour, minute, second, microsecond, offset: time.offset }
}

/** `moment.isoformat()`: microseconds only when not zero, the offset as it was given. */
export function isoFormat(moment: DateTime): string {
  const { year, month, day, hour, minute, second, microsecond, offset } = moment
  const date = `${pad(year, 4)}-${pad(month)}-${pad(day)}`
  const time = `${pad(hour)}:${pad(minute)}:${pad(second)}${fraction(microsecond)}`
  return `${date}T${time}${offset === null ? '' : isoOffset(offset)}`
}

/** `int(moment.timestamp())`: seconds since the epoch, truncated toward zero. */
export function timestamp(moment: DateTime): number {
  const { year, month, day, hour, minute, second, microsecond, offset } = moment
  const instant = new Date(0)
  if (offset === null) {
    instant.setFullYear(year, month - 1, day)
    instant.setHours(hour, minute, second, 0)
    return Math.trunc(instant.getTime() / 1000 + microsecond / SECOND)
  }
  instant.setUTCFullYear(year, month - 1, day)
  instant.setUTCHours(hour, minute, second, 0)
  const offsetSeconds = Math.floor(offset / SECOND)
  const micros = microsecond - (offset - offsetSeconds * SECOND)
  return Math.trunc(instant.getTime() / 1000 - offsetSeconds + micros / SECOND)
}

/**
 * Whether Node knows what the C library makes of a naive time: their rules are the same for zones that have a name,
 * since 1970. Of a `TZ` that Node does not know it takes UTC, and says nothing.
 * @param zone the variable `TZ`; undefined where the machine's own zone counts
 */
export function isLocalTimeKnown({ year, offset }: DateTime, zone = process.env.TZ): boolean {
  if (offset !== null || zone === '' || zone === 'UTC' || zone === 'UTC0') return true
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
  if (zone === undefined) return timeZone === 'UTC' || year > 1970
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone.replace(/^:/, '') })
  } catch {
    return false
  }
  return year > 1970 || timeZone === 'UTC'
}

interface Clock {
  hour: number
  minute: number
  second: number
  microsecond: number
}

const MIDNIGHT: Clock = { hour: 0, minute: 0, second: 0, microsecond: 0 }

/**
 * Where the date ends. Any one character may separate date and time, so the forms are told apart by the
 * characters 4 and 5, and `YYYYWww` from `YYYYWwwD` by the parity of the digits that follow.
 */
function separatorIndex(text: string[]): number | undefined {
  if (text.length === 7) return 7
  if (text[4] === '-') {
    if (text[5] !== 'W') return 10
    if (text[8] !== '-') return 8
    if (text.length === 9) return undefined
    return text.length > 10 && isDigit(text[10]) ? 8 : 10
  }
  if (text[4] !== 'W') return 8
  let end = 7
  while (end < text.length && isDigit(text[end])) end++
  if (end < 9) return end
  return end % 2 === 0 ? 7 : 8
}

function parseDate(text: string): { year: number; month: number; day: number } | undefined {
  const calendar = /^(\d{4})(-?)(\d\d)\2(\d\d)$/.exec(text)
  if (calendar !== null) {
    const [year, month, day] = [Number(calendar[1]), Number(calendar[3]), Number(calendar[4])]
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined
    return { year, month, day }
  }
  const week = /^(\d{4})(-?)W(\d\d)(?:\2(\d))?$/.exec(text)
  if (week === null) return undefined
  return fromWeek(Number(week[1]), Number(week[3]), week[4] === undefined ? 1 : Number(week[4]))
}

/** `date.fromisocalendar`. */
function fromWeek(
  year: number,
  week: number,
  weekday: number,
): { year: number; month: number; day: number } | undefined {
  if (year < 1 || week < 1 || week > weeksInYear(year) || weekday < 1 || weekday > 7) return undefined
  const date = utcDate(year, 1, 4)
  const isoWeekday = date.getUTCDay() || 7
  date.setUTCDate(date.getUTCDate() - isoWeekday + 1 + (week - 1) * 7 + (weekday - 1))
  const found = { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() }
  return found.year >= 1 && found.year <= 9999 ? found : undefined
}

/** 53 in years that start on a Thursday, and in leap years that start on a Wednesday. */
function weeksInYear(year: number): number {
  const first = utcDate(year, 1, 1).getUTCDay()
  return first === 4 || (first === 3 && daysInMonth(year, 2) === 29) ? 53 : 52
}

function parseTimeWithOffset(text: string): { clock: Clock; offset: number | null } | undefined {
  const mark = text.search(/[-+Z]/)
  const clock = parseClock(mark < 0 ? text : text.slice(0, mark))
  if (clock === undefined) return undefined
  if (mark < 0) return { clock, offset: null }
  if (text[mark] === 'Z') return mark === text.length - 1 ? { clock, offset: 0 } : undefined
  const distance = parseClock(text.slice(mark + 1))
  if (distance === undefined) return undefined
  const size = ((distance.hour * 60 + distance.minute) * 60 + distance.second) * SECOND + distance.microsecond
  if (size >= 24 * 3600 * SECOND) return undefined
  // Of no whole second it is UTC, whatever its fraction.
  if (size < SECOND) return { clock, offset: 0 }
  return { clock, offset: text[mark] === '-' ? -size : size }
}

/** `HH[:MM[:SS]]` or `HH[MM[SS]]`, with a fraction of which six digits count. */
function parseClock(text: string): Clock | undefined {
  const match = /^(\d\d)(?:(:?)(\d\d)(?:\2(\d\d))?)?(?:[.,](\d+))?$/.exec(text)
  if (match === null) return undefined
  return {
    hour: Number(match[1]),
    minute: Number(match[3] ?? 0),
    second: Number(match[4] ?? 0),
    microsecond: Number((match[5] ?? '').slice(0, 6).padEnd(6, '0')),
  }
}

function isoOffset(offset: number): string {
  const size = Math.abs(offset)
  const seconds = Math.floor(size / SECOND)
  const part = `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}`
  const micros = fraction(size % SECOND)
  const tail = seconds % 60 !== 0 || micros !== '' ? `:${pad(seconds % 60)}${micros}` : ''
  return `${offset < 0 ? '-' : '+'}${part}${tail}`
}

function fraction(microsecond: number): string {
  return microsecond === 0 ? '' : `.${pad(microsecond, 6)}`
}

function daysInMonth(year: number, month: number): number {
  return utcDate(year, month + 1, 0).getUTCDate()
}

function utcDate(year: number, month: number, day: number): Date {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  return date
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}

function pad(value: number, width = 2): string {
  return String(value).padStart(width, '0')
}
