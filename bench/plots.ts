/** The plots, as SVG texts. */
import * as echarts from 'echarts'
import type { Results } from './results.js'

const SIZE = { width: 720, height: 380 }
const TEXT = { fontFamily: 'sans-serif', color: '#222' }

function render(option: echarts.EChartsOption): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...SIZE })
  chart.setOption({
    animation: false,
    textStyle: TEXT,
    backgroundColor: '#fff',
    grid: { left: 70, right: 30, bottom: 60, top: 60 },
    ...option,
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

/** How many times as fast as the reference, a bar for each case. */
export function ratioPlot({ cases }: Results): string {
  return render({
    title: {
      text: 'Times as fast as the reference',
      subtext: 'median of pairs; whiskers in the table',
      left: 'center',
    },
    xAxis: { type: 'category', data: cases.map((it) => it.name) },
    yAxis: { type: 'value', name: 'ratio' },
    series: [
      {
        type: 'bar',
        data: cases.map((it) => Number(it.ratio.toFixed(2))),
        itemStyle: { color: '#3b6ea8' },
        label: { show: true, position: 'top' },
      },
    ],
  })
}

/** Seconds into an engine, the reference beside ours, on a scale of powers of ten. */
export function loadPlot({ load }: Results): string {
  const compared = load.filter(({ reference }) => reference !== null)
  const bar = (name: string, color: string, values: (number | null)[]): echarts.BarSeriesOption => ({
    name,
    type: 'bar',
    data: values.map((value) => Number(value!.toFixed(2))),
    itemStyle: { color },
    label: { show: true, position: 'right' },
  })
  return render({
    title: { text: 'Seconds from store paths into an engine', left: 'center' },
    legend: { top: 30 },
    grid: { left: 270, right: 60, bottom: 40, top: 60 },
    xAxis: { type: 'log', name: 's' },
    yAxis: { type: 'category', inverse: true, data: compared.map(({ title }) => title) },
    series: [
      bar(
        'reference, into load',
        '#b5b5b5',
        compared.map(({ reference }) => reference),
      ),
      bar(
        'taken by the engine',
        '#3b6ea8',
        compared.map(({ ours }) => ours),
      ),
    ],
  })
}

export function workersPlot({ workers }: Results): string {
  const names = [...new Set(workers.map(({ name }) => name))]
  const lines = names.map((name): Line => {
    const points = workers.filter((it) => it.name === name).map(({ jobs, seconds }): Point => [jobs, seconds])
    return { name, points }
  })
  return linePlot('Seconds by number of workers', { type: 'value', name: 'workers', min: 0 }, lines)
}

export function growthPlot({ growth }: Results): string {
  const points = growth.map(({ eighths, seconds }): Point => [eighths, seconds])
  const axis = { type: 'value', name: 'eighths of the closure', min: 0 } as const
  return linePlot('Seconds by amount of work', axis, [{ name: 'closure', points }])
}

/** Simulated, with GNU tar as a dashed line of the same colour. */
export function coresPlot({ cores }: Results): string {
  const lines = cores.flatMap(({ name, simulated, tar }): Line[] => [
    { name, points: simulated.map(({ cores, seconds }) => [cores, seconds]) },
    { name: `GNU tar, ${name}`, points: simulated.map(({ cores }) => [cores, tar]), isDashed: true },
  ])
  const axis = { type: 'log', logBase: 2, name: 'cores' } as const
  return linePlot('Seconds by number of cores, simulated; GNU tar dashed', axis, lines)
}

type Point = [number, number]

interface Line {
  name: string
  points: Point[]
  /** What the line before it is compared with. */
  isDashed?: boolean
}

const COLOURS = ['#3b6ea8', '#c2571a', '#3f8f4f', '#8a4fa3']

function linePlot(title: string, axis: echarts.XAXisComponentOption, lines: readonly Line[]): string {
  let colour = -1
  const names = lines.filter(({ isDashed }) => !isDashed).map(({ name }) => name)
  const series = lines.map(({ name, points, isDashed = false }): echarts.LineSeriesOption => {
    if (!isDashed) colour++
    return {
      name,
      type: 'line',
      data: points.map(([x, y]) => [x, Number(y.toFixed(2))]),
      symbolSize: isDashed ? 0 : 8,
      lineStyle: { type: isDashed ? 'dashed' : 'solid' },
      itemStyle: { color: COLOURS[colour % COLOURS.length]! },
      label: { show: lines.length < 3, position: 'top', formatter: '{@[1]}' },
    }
  })
  return render({
    title: { text: title, left: 'center' },
    ...(names.length > 1 ? { legend: { top: 28, data: names } } : {}),
    xAxis: { nameLocation: 'middle', nameGap: 30, ...axis },
    yAxis: { type: 'value', name: 'seconds', min: 0 },
    series,
  })
}
