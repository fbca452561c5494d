/** Results as a bar chart in SVG: each figure as a multiple of the first of its work, to the scale of that work. */
import type { Result, Row } from "./compete.ts"
import { ours } from "./works.ts"

const [width, left, right, rowHeight, titleHeight] = [860, 300, 170, 20, 34]

const style = `
  text { font: 12px system-ui, sans-serif; fill: #333 }
  .title { font-weight: 600 }
  .figure { fill: #777 }
  .bar { fill: #b4bcc8 }
  .ours { fill: #3b6fd4 }
  .one { stroke: #888; stroke-dasharray: 2 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd }
    .figure { fill: #999 }
    .bar { fill: #5a6372 }
    .ours { fill: #6f9bf0 }
  }`

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

const figure = (value: number): string => Number(value.toPrecision(3)).toLocaleString("en")

const ratioOf = (row: Row): number => row.besidePlain?.median ?? 0

/** The chart. */
export const chart = (results: ReadonlyArray<Result>): string => {
  let y = 0
  const parts = results.map(({ less, rows, title, unit }) => {
    const top = (y += titleHeight)
    // Each work has a scale of its own: its longest bar fills the width.
    const scale = (width - left - right) / Math.max(1, ...rows.map(ratioOf))
    const one = (left + scale).toFixed(1)
    const bars = rows.map((row) => {
      const ratio = ratioOf(row)
      const end = left + ratio * scale
      const kind = row.peer.startsWith(ours) ? "ours" : "bar"
      const text = `${ratio.toFixed(2)} × <tspan class="figure">${figure(row.figure)} ${escape(unit)}</tspan>`
      y += rowHeight
      return `  <text x="${left - 8}" y="${y - 6}" text-anchor="end">${escape(row.peer)}</text>
  <rect class="${kind}" x="${left}" y="${y - rowHeight + 3}" width="${(ratio * scale).toFixed(1)}" height="${rowHeight - 6}" rx="2"/>
  <text x="${(end + 6).toFixed(1)}" y="${y - 6}">${text}</text>`
    })
    return `  <text class="title" x="8" y="${top - 8}">${escape(title)}${less ? " (less is better)" : ""}</text>
  <line class="one" x1="${one}" x2="${one}" y1="${top}" y2="${y}"/>
${bars.join("\n")}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y + 10}" role="img">
  <title>Figures as multiples of plain node:net</title>
  <style>${style}
  </style>
${parts.join("\n")}
</svg>
`
}
