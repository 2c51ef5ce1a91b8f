/** How far a delivery is, in one line and in parts. */
import { fractionOf, rateOf, type State, timeLeft } from './state.js'
import { amount, count, duration, part, pathOf } from './words.js'

/** What is told of the state, the most important first. */
export function figures(state: State): string[] {
  const { layers, planned, done, moved, shape, stage } = state
  if (stage === 'opening') return ['reading the image']
  const rate = rateOf(state)
  const left = timeLeft(state)
  const there = done.layers - moved.layers
  const isKnown = planned.layers >= layers && planned.bytes > 0
  if (shape === 'served')
    return [
      `${planned.layers} of ${count(layers)} read`,
      ...(done.layers > 0 ? [`${done.layers} taken (${amount(done.bytes)})`] : []),
      ...(rate ? [`${amount(rate)}/s`] : []),
    ]
  return [
    `${done.layers} of ${count(layers)}`,
    ...(left === undefined ? [] : [`${left <= 9 ? `${Math.ceil(left)} s` : duration(left)} left`]),
    ...(isKnown ? [part(Math.round(fractionOf(state) * planned.bytes), planned.bytes)] : []),
    ...(rate ? [`${amount(rate)}/s`] : []),
    ...(there > 0 ? [`${there} there already`] : []),
  ]
}

/** `37 of 100 layers, 6 s left, 1.2 of 2.9 GB, 310 MB/s; making /nix/store/…-glibc-2.38 (310 of 812 MB)` */
export function statusLine(state: State): string {
  const [first] = state.underWay
  const doing = first && `; ${first.step} ${pathOf(first.source)} (${part(first.done, first.total)})`
  return `${figures(state).join(', ')}${doing ?? ''}`
}
