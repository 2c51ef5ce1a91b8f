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
  return linePlot(
    'Seconds by number of workers',
    'workers',
    workers.map(({ jobs, seconds }) => [jobs, seconds]),
  )
}

export function growthPlot({ growth }: Results): string {
  return linePlot(
    'Seconds by amount of work',
    'eighths of the closure',
    growth.map(({ eighths, seconds }) => [eighths, seconds]),
  )
}

function linePlot(title: string, axis: string, points: [number, number][]): string {
  return render({
    title: { text: title, left: 'center' },
    xAxis: { type: 'value', name: axis, nameLocation: 'middle', nameGap: 30, min: 0 },
    yAxis: { type: 'value', name: 'seconds', min: 0 },
    series: [
      {
        type: 'line',
        data: points.map(([x, y]) => [x, Number(y.toFixed(2))]),
        symbolSize: 8,
        itemStyle: { color: '#3b6ea8' },
        label: { show: true, position: 'top', formatter: '{@[1]}' },
      },
    ],
  })
}
