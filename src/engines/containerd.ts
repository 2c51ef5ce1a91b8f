/** containerd, by `ctr` or `nerdctl`; CONTAINERD_ADDRESS and CONTAINERD_NAMESPACE are theirs and tell which. */
import type { Engine } from '../model/engine.js'
import { parseReference } from '../registry/reference.js'
import { knock } from './knock.js'
import { ProgramEngine, type Ways } from './program-engine.js'

const WAYS: Record<'ctr' | 'nerdctl', Ways> = {
  ctr: {
    probe: ['images', 'pull', '--help'],
    // From version 2 on the daemon would pull, which may be where this machine's loopback is not.
    pull: (reference, probed) => [
      ...['images', 'pull', '--plain-http', ...(/--local\b/.test(probed) ? ['--local'] : [])],
      reference,
    ],
    tag: (reference, name) => ['images', 'tag', '--force', reference, name],
    untag: (reference) => ['images', 'rm', reference],
    discard: (reference) => ['images', 'rm', reference],
    save: (name, path) => ['images', 'export', path, inFull(name)],
    saves: 'oci-archive',
    run: (name) => `ctr run --rm ${name} ${idFrom(name)}`,
  },
  nerdctl: {
    pull: (reference) => ['pull', '--quiet', '--insecure-registry', reference],
    tag: (reference, name) => ['tag', reference, name],
    untag: (reference) => ['rmi', reference],
    discard: (reference) => ['rmi', reference],
    save: (name, path) => ['save', '--output', path, name],
    saves: 'oci-archive',
    run: (name) => `nerdctl run --rm ${name}`,
  },
}

/** As containerd itself keeps names. */
function inFull(name: string): string {
  const { host, repository, tag } = parseReference(name)!
  return `${host}/${repository}:${tag}`
}

/** A container's name, from the image's. */
function idFrom(name: string): string {
  return name.replace(/^.*\//, '').replace(/:.*$/, '')
}

/** Where containerd is when nobody says otherwise. */
const USUAL = '/run/containerd/containerd.sock'

/** @param shown what it is called in messages @throws ImageError ENGINE_FAILED when there is none of the programs */
export async function openContainerd(shown: string, signal: AbortSignal): Promise<Engine> {
  const address = (process.env.CONTAINERD_ADDRESS || USUAL).replace(/^unix:\/\//, '')
  // The programs try for ten seconds, and say it in two hundred letters.
  const ready = async (): Promise<void> => {
    if (address.startsWith('/')) await knock(shown, address, 'CONTAINERD_ADDRESS', signal)
  }
  return ProgramEngine.find(shown, WAYS, signal, ready)
}
