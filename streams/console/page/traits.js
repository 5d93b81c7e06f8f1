// Each trait as the group against comparable accounts: two marks on one scale, with p and n.

import { el, hidden, svg } from "./dom.js";
import { chance, count, percent, said } from "./format.js";
import { named, t } from "./i18n.js";

const WIDTH = 200;
const HEIGHT = 22;

export function traits(all) {
  const of = (...states) => all.filter((one) => states.includes(one.state));
  const found = of("found").sort((a, b) => Math.abs(b.effect ?? 0) - Math.abs(a.effect ?? 0));
  const missed = of("not_found");
  const unknown = of("not_enough_data", "not_on_this_network");
  return [
    found.length ? traitTable(t("case.traits"), found) : el("p", {}, t("case.traits.none")),
    found.length + missed.length > 0 && legend(),
    missed.length > 0 && el("details", {}, el("summary", {}, t("case.traits.not_found", { n: missed.length })), traitTable(t("case.traits.not_found", { n: missed.length }), missed)),
    unknown.length > 0 && el("details", {}, el("summary", {}, t("case.traits.unknown", { n: unknown.length })),
      el("ul", { class: "unknown" }, unknown.map((one) => el("li", {}, named("trait", one.name), ": ", t(`trait_state.${one.state}`))))),
  ];
}

function traitTable(label, some) {
  const head = (key, title = null, kind = "number") => el("th", { scope: "col", class: kind, title: title && t(title) }, t(key));
  return el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 },
    el("table", { class: "traits" },
      el("thead", {}, el("tr", {}, head("case.traits.trait", null, null), el("th", { scope: "col", class: "chart" }, hidden(label)),
        head("case.traits.group"), head("case.traits.reference"), head("case.traits.p", "case.traits.p_title"), head("case.traits.n", "case.traits.n_title"))),
      el("tbody", {}, some.map(traitRow))));
}

const traitRow = (one) => el("tr", { class: one.state },
  el("th", { scope: "row" }, named("trait", one.name), one.sentence && el("p", { class: "small" }, said(one.sentence))),
  el("td", { class: "chart" }, dumbbell(one)),
  el("td", { class: "number strong" }, percent(one.value)),
  el("td", { class: "number" }, percent(one.reference)),
  el("td", { class: "number" }, chance(one.p_value)),
  el("td", { class: "number" }, count(one.n)));

/** 0 to 100 %: a ring for the comparable accounts, a full mark for the group, a bar between. */
function dumbbell({ value, reference }) {
  if (value === null || reference === null) return null;
  const x = (share) => 7 + share * (WIDTH - 14);
  const y = HEIGHT / 2;
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, class: "dumbbell", role: "img",
    "aria-label": t("case.traits.chart", { value: percent(value), reference: percent(reference) }) },
    svg("path", { d: `M${x(0)} ${y}H${x(1)}`, class: "scale" }),
    [0, 0.5, 1].map((share) => svg("path", { d: `M${x(share)} ${y - 3}v6`, class: "scale" })),
    svg("path", { d: `M${x(reference)} ${y}H${x(value)}`, class: "between" }),
    svg("circle", { cx: x(reference), cy: y, r: 4.5, class: "reference" }),
    svg("path", { d: `M${x(value)} ${y - 6}l6 6-6 6-6-6z`, class: "group" }));
}

const legend = () => el("p", { class: "legend small", "aria-hidden": "true" },
  svg("svg", { viewBox: "0 0 14 14", width: 14, height: 14, class: "dumbbell" }, svg("path", { d: "M7 1l6 6-6 6-6-6z", class: "group" })), " ", t("case.traits.legend_group"), "\u2003",
  svg("svg", { viewBox: "0 0 14 14", width: 14, height: 14, class: "dumbbell" }, svg("circle", { cx: 7, cy: 7, r: 4.5, class: "reference" })), " ", t("case.traits.legend_reference"));
