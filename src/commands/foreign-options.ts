/** Options that fingers know from other tools, and what they are called here. */

const COPIED = /^--(?:src|dest)-/

/** By the option without its value. */
const OURS: Record<string, string> = {
  '--tls-verify': '--tls-verify=true or --tls-verify=false',
  '--no-tls-verify': '--tls-verify=false',
  '--skip-tls-verify': '--tls-verify=false',
  '--skip-tls-verify-registry': '--tls-verify=false',
  '--insecure-registry': '--tls-verify=false',
  '--allow-insecure': '--tls-verify=false',
  '--cert-dir': '--tls-ca FILE',
  '--cacert': '--tls-ca FILE',
  '--ca-file': '--tls-ca FILE',
  '--creds': '--creds @FILE, or - for standard input',
  '--username': '--creds @FILE with user:password, or - for standard input',
  '--password': '--creds @FILE with user:password, or - for standard input',
  '--password-stdin': '--creds -, with user:password',
  '--registry-token': '--authfile FILE',
  '--registry-config': '--authfile FILE',
  '--compress-format': '--compress KIND[:LEVEL]',
  '--compress-level': '--compress KIND:LEVEL',
  '--compression-format': '--compress KIND[:LEVEL]',
  '--compression': '--compress KIND[:LEVEL]',
  '--compression-level': '--compress KIND:LEVEL',
  '--push': '-o docker://HOST/REPOSITORY[:TAG]',
  '--load': '-o docker-daemon:',
  '--destination': '-o DESTINATION',
  '--dest': '-o DESTINATION',
  '--additional-tag': '-t TAG',
  '--iidfile': '--digest-file FILE',
  '--metadata-file': '--json, on standard output',
  '--cache-from': '--previous REF, or --cache PLACE',
  '--cache-to': '--cache PLACE',
  '--cache-dir': '--cache DIR',
  '--parallel': '--jobs N',
  '--threads': '--jobs N',
  '--max-jobs': '--jobs N',
  '--silent': '--quiet',
}

/**
 * @param message of the parser: `error: unknown option '--dest-creds=a:b'`
 * @returns how the option is written here; no value comes back in it
 */
export function hintFor(message: string): string | undefined {
  const [, option] = /unknown option '(--[^='\s]+)/.exec(message) ?? []
  const ours = option === undefined ? undefined : OURS[option.replace(COPIED, '--')]
  if (ours !== undefined) return `in place of ${option}: ${ours}`
  return option !== undefined && COPIED.test(option)
    ? `in place of ${option}: ${option.replace(COPIED, '--')}, if there is one; see --help`
    : undefined
}
