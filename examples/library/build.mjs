// node build.mjs CONF DESTINATION…, as in: node build.mjs conf.json oci:layout:app image.tar
import { buildImage, ImageError } from 'stream-layered-image'

const [conf, ...destinations] = process.argv.slice(2)
try {
  const { imageId, layers } = await buildImage({
    conf,
    destinations,
    signal: AbortSignal.timeout(10 * 60_000),
    onEvent: (event) => {
      if (event.type === 'warning') process.stderr.write(`${event.message}\n`)
    },
  })
  const bytes = layers.reduce((sum, { size = 0 }) => sum + size, 0)
  process.stdout.write(`${imageId}: ${layers.length} layers, ${bytes} bytes\n`)
} catch (error) {
  if (!(error instanceof ImageError)) throw error
  process.stderr.write(`${error.code}: ${error.message}\n`)
  process.exitCode = 1
}
