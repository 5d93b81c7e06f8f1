// A plain table that scrolls by itself where it is too wide or too tall, also by keyboard.

import { el } from "./dom.js";

export function table(label, heads, rows, { tall = false, numbers = [], footer = null } = {}) {
  const cellClass = (place) => numbers.includes(place) ? "number" : null;
  return el("div", { class: `scroll${tall ? " tall" : ""}`, role: "region", "aria-label": label, tabindex: 0 },
    el("table", {},
      el("thead", {}, el("tr", {}, heads.map((head, place) =>
        head instanceof Node && head.tagName === "TH" ? head : el("th", { scope: "col", class: cellClass(place) }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, place) => el("td", { class: cellClass(place) }, cell))))),
      footer));
}
