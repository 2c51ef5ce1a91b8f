/** An option and its other spellings: those that fingers know from tools like this one. */
import { Option } from 'commander'

declare module 'commander' {
  interface Option {
    /** Whether the argument names the option; its types lack it. */
    is(arg: string): boolean
  }
}

export class KnownOption extends Option {
  /**
   * @param flags as commander has them; the last one names the value
   * @param aliases other long forms of the same, `--tag`; of an option without a value also `--tls-verify=false`
   */
  constructor(
    flags: string,
    description: string,
    readonly aliases: readonly string[] = [],
  ) {
    super(flags, description)
    const [, names = flags, value = ''] = /^(.*?)( <.*)?$/.exec(flags) ?? []
    this.flags = [names, ...aliases].join(', ') + value
  }

  override is(arg: string): boolean {
    return super.is(arg) || this.aliases.includes(arg)
  }
}

/** Turns an option off that another one turns on; whichever comes last has the word. */
export class TurnsOff extends KnownOption {
  constructor(
    flags: string,
    description: string,
    aliases: readonly string[],
    private readonly other: string,
  ) {
    super(flags, description, aliases)
    this.preset(false)
  }

  override attributeName(): string {
    return this.other
  }
}

/** An option that is only named in full, since what it begins with is short for another one. */
export class WholeOption extends Option {}

/** All long forms of an option. */
export function longForms(option: Option): string[] {
  const aliases = option instanceof KnownOption ? option.aliases : []
  return option.long === undefined ? [...aliases] : [option.long, ...aliases]
}
