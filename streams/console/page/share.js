// A share with its interval: the figure in words, and a mark in a bar from 0 to 100 %.

import { el, svg } from "./dom.js";
import { percent } from "./format.js";
import { t } from "./i18n.js";

const WIDTH = 84;

export function share({ value, low, high }) {
  const x = (part) => Math.round(part * WIDTH * 10) / 10;
  return el("span", { class: "share" },
    svg("svg", { viewBox: `0 0 ${WIDTH} 12`, width: WIDTH, height: 12, role: "img", "aria-label": t("top.bots_label", { value: percent(value), low: percent(low), high: percent(high) }) },
      svg("path", { d: `M0 6H${WIDTH}`, class: "scale" }),
      svg("rect", { x: x(low), y: 3, width: Math.max(1, x(high) - x(low)), height: 6, rx: 2, class: "interval" }),
      svg("path", { d: `M${x(value)} 0v12`, class: "value" })),
    el("span", { class: "number", "aria-hidden": "true" }, percent(value), el("span", { class: "small" }, ` ${percent(low)}–${percent(high)}`)));
}
