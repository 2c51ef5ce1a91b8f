/** Events as lines on standard error: the reference's own, and what it does not have. */

import type { BuildEvent } from '../model/events.js'
import { pythonListRepr } from '../python/repr.js'
import { log } from './log.js'
import { amount } from './words.js'

export function report(event: BuildEvent): void {
  if (event.type === 'no-base') log("No 'fromImage' provided")
  else if (event.type === 'configuration-found') log(`Using ${event.conf}, as ${event.where} does`)
  else if (event.type === 'manifests-started') log('Adding manifests...')
  else if (event.type === 'done') log('Done.')
  else if (event.type === 'warning') reportWarning(event)
  else if (event.type === 'cache-used') log(`cache: ${event.remembered} remembered, ${event.new} new`)
  else if (event.type === 'layers-known') log(`layer files: ${event.count} layers known`)
  else if (event.type === 'previous-image') log(previous(event))
  else if (event.type === 'layer-delivered')
    log(`Layer ${event.number}: ${[...new Set(event.outcomes)].join(', ')}, ${event.digest}`)
  else if (event.type === 'layer-written') log(`Layer ${event.number}: written, ${event.digest}`)
  else if (event.type === 'layer-taken') log(`Layer ${event.number}: taken, ${event.digest}`)
  else if (event.type === 'layer-unpacked') log(`Layer ${event.number}: unpacked`)
  else if (event.type === 'image-taken') log(summary(event))
  else if (event.type === 'layer-started') {
    const { number, source } = event
    if (source.kind === 'store') log(`Creating layer ${number} from paths: ${pythonListRepr(source.paths)}`)
    else if (source.kind === 'customisation') log(`Creating layer ${number} with customisation...`)
    else if (source.kind === 'base') log(`Adding base layer ${number} from ${source.name}`)
    else log(`Copying layer ${number}, ${source.name}`)
  }
}

/** `previous: docker://registry.example/app:latest, 99 of 100 layers unchanged` */
function previous({ image, unchanged, layers }: Extract<BuildEvent, { type: 'previous-image' }>): string {
  if (image !== undefined) return `previous: ${image}, ${unchanged} of ${layers} layers unchanged`
  return 'previous: none found; --previous names an image that shares layers, --cache remembers them'
}

/** What is said also where little is wanted. */
export function reportWarning(event: BuildEvent): void {
  if (event.type === 'warning') log(`stream-layered-image: warning: ${event.message}`)
}

/** `docker-daemon:app: 102 layers, 100 there already, 2 taken (30 kB)` */
function summary({ destination, taken, present }: Extract<BuildEvent, { type: 'image-taken' }>): string {
  const counts = `${taken.layers + present.layers} layers, ${present.layers} there already, ${taken.layers} taken`
  return `${destination.replace(/:$/, '')}: ${counts} (${amount(taken.bytes)})`
}
