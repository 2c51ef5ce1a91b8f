/** The storage that podman, buildah, skopeo and CRI-O share, by whichever of these programs there is. */
import type { Engine } from '../model/engine.js'
import { ProgramEngine, type Ways } from './program-engine.js'

const PULL = ['pull', '--quiet', '--tls-verify=false']

const WAYS: Record<'podman' | 'buildah' | 'skopeo', Ways> = {
  podman: {
    pull: (reference) => [...PULL, reference],
    // containers-registries.conf(5): where images of a name come from.
    pullNamed: (reference, name) => ({
      args: ['pull', '--quiet', name],
      text: `[[registry]]\nprefix = ${toml(repositoryOf(name))}\nlocation = ${toml(repositoryOf(reference))}\ninsecure = true\n`,
      env: 'CONTAINERS_REGISTRIES_CONF',
    }),
    tag: (reference, name) => ['tag', reference, name],
    untag: (reference) => ['untag', reference, reference],
    discard: (reference) => ['rmi', reference],
    named: (name) => ['image', 'inspect', '--format', '{{.Id}}', name],
    save: (name, path) => ['save', '--quiet', '--format', 'docker-archive', '--output', path, name],
    run: (name) => `podman run --rm ${name}`,
  },
  buildah: {
    pull: (reference) => [...PULL, reference],
    tag: (reference, name) => ['tag', reference, name],
    untag: (reference) => ['rmi', reference],
    discard: (reference) => ['rmi', reference],
    hasId: (imageId) => ['inspect', '--type', 'image', '--format', '{{.FromImageID}}', imageId],
    save: (name, path) => ['push', '--quiet', name, `docker-archive:${path}:${name}`],
    run: (name) => `buildah from ${name}`,
  },
  skopeo: {
    take: (reference, name) => [
      ...['copy', '--quiet', '--src-tls-verify=false'],
      ...[`docker://${reference}`, `containers-storage:${name}`],
    ],
    save: (name, path) => ['copy', '--quiet', `containers-storage:${name}`, `docker-archive:${path}:${name}`],
    run: () => undefined,
  },
}

/** A basic string of TOML, for what holds nothing to be escaped. */
function toml(text: string): string {
  return `"${text}"`
}

function repositoryOf(reference: string): string {
  return reference.slice(0, reference.lastIndexOf(':'))
}

/** @param shown what it is called in messages @throws ImageError ENGINE_FAILED when there is none of the programs */
export function openContainersStorage(shown: string, signal: AbortSignal): Engine {
  return ProgramEngine.find(shown, WAYS, signal)
}
