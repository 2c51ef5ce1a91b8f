/** How the command lines of the documentation are run: each of them must be here, word for word. */

export interface Step {
  /** What is run in its place, where it names things that the reader has to fill in. */
  as?: string
  /** Run behind it: fails unless it did what it says. */
  check?: string
  /** Commands that it needs, beside those of every system. */
  needs?: string[]
  /** Where it is run: a copy of the project, or (the default) a directory with `conf.json` and `default.nix`. */
  at?: 'checkout'
}

/** By the line without its comment. */
export const STEPS: Record<string, Step> = {
  // The test's engine copies all layers below for each one.
  'npm ci && npm run demo': { at: 'checkout', as: 'npm ci && npm run demo -- --without-engines' },
  'npm ci && npm test': {
    at: 'checkout',
    // All tests in a test of all tests would have no end; what `npm ci` brings is there from the block before.
    as: 'npm test -- tar/header',
  },
  'stream-layered-image CONF [options] | docker load': {
    as: 'stream-layered-image conf.json -t docs:use | docker load',
    check: 'docker image inspect docs:use',
    needs: ['docker'],
  },
  'stream-layered-image CONF -o DESTINATION [options]': {
    as: 'stream-layered-image conf.json -o image.tar --jobs 1',
    check: 'cmp image.tar expected.tar',
  },
  'image=$(nix-build -A myImage)': { needs: ['nix-build'], check: '[ -x "$image" ]' },
  'stream-layered-image "$image" | docker load': {
    needs: ['docker'],
    check: '[ -n "$(docker images -q)" ]',
  },
  'stream-layered-image "$image" | zstd -q -1 | skopeo copy docker-archive:/dev/stdin oci:layout:latest': {
    needs: ['skopeo', 'zstd'],
    check: 'skopeo inspect oci:layout:latest',
  },
  'cmp <("$image") <(stream-layered-image "$image")': {},
}
