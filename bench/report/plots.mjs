/** The plots of the report, as SVG that is readable on a light and on a dark page. */
import * as echarts from 'echarts';
import { REFERENCE, TITLES, median, ratioOf } from './numbers.mjs';

const INK = '#768390';
const GRID = '#76839040';
const COLOURS = { bothways: '#e5534b', ws: '#8c959f', uws: '#539bf5', bun: '#c69026', net: '#57ab5a' };
const FONT = 'system-ui, sans-serif';

/** @param {{ axis: string, unit: string, title: string }} curve @param {Map<string, { x: number, cost: number }[]>} lines */
export function plotCurve({ axis, unit, title }, lines) {
  const scale = {
    type: 'log',
    axisLine: line(),
    axisLabel: label(compact),
    splitLine: { lineStyle: { color: GRID } },
  };
  return render(860, 430, {
    title: heading(`${title}: ${unit}`),
    legend: legend([...lines.keys()]),
    grid: { left: 70, right: 30, top: 80, bottom: 60 },
    xAxis: { ...scale, ...named(axis), nameGap: 32 },
    yAxis: { ...scale, ...named(unit), nameGap: 50 },
    series: [...lines].map(([name, points]) => ({
      name: TITLES[name],
      type: 'line',
      symbol: 'circle',
      data: points.map(({ x, cost }) => [x, cost]),
      color: COLOURS[name],
      symbolSize: 7,
      lineStyle: { width: name === REFERENCE ? 4 : 2 },
      z: name === REFERENCE ? 3 : 2,
    })),
  });
}

/** What the reference costs, divided by what each peer does, row by row. */
export function plotRatios(results, peers) {
  const rows = results
    .filter(({ entries }) => peers.some((peer) => ratioOf(entries, peer) !== undefined))
    .toReversed();
  return render(860, 90 + rows.length * 42, {
    title: heading(`${REFERENCE} divided by each peer: left of 1 it needs less CPU`),
    legend: legend(peers),
    grid: { left: 400, right: 40, top: 80, bottom: 40 },
    xAxis: {
      type: 'log',
      min: 0.05,
      axisLine: line(),
      axisLabel: label(compact),
      splitLine: { lineStyle: { color: GRID } },
    },
    yAxis: { type: 'category', data: rows.map(({ row }) => row.name), axisLine: line(), axisLabel: label() },
    series: peers.map((name, index) => ({
      name: TITLES[name],
      type: 'scatter',
      symbol: ['circle', 'diamond', 'rect'][index],
      symbolSize: 12,
      color: COLOURS[name],
      data: rows.flatMap(({ entries }, at) => {
        const ratio = ratioOf(entries, name);
        return ratio === undefined ? [] : [[ratio.middle, at]];
      }),
      markLine: {
        silent: true,
        symbol: 'none',
        label: { show: false },
        lineStyle: { color: INK, type: 'solid', width: 1.5 },
        data: [{ xAxis: 1 }],
      },
    })),
  });
}

/** The points of each server that could be measured. */
export function linesOf(points) {
  const lines = new Map();
  for (const { x, entries } of points) {
    for (const [name, { costs }] of entries) {
      const cost = median(costs);
      if (cost === undefined) continue;
      if (!lines.has(name)) lines.set(name, []);
      lines.get(name).push({ x, cost });
    }
  }
  return lines;
}

function render(width, height, option) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({ animation: false, textStyle: { fontFamily: FONT, color: INK }, ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function heading(text) {
  return { text, left: 12, top: 8, textStyle: { color: INK, fontSize: 16, fontFamily: FONT } };
}

function legend(names) {
  return {
    data: names.map((name) => TITLES[name]),
    itemGap: 26,
    left: 12,
    top: 38,
    textStyle: { color: INK, fontSize: 13 },
  };
}

function line() {
  return { show: true, lineStyle: { color: INK } };
}

function label(formatter) {
  return { color: INK, fontSize: 12, formatter };
}

function named(name) {
  return { name, nameLocation: 'middle', nameTextStyle: { color: INK, fontSize: 13 } };
}

function compact(value) {
  return value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : String(value);
}
