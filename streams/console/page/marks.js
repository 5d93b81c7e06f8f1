// Severity, state and trust, each by word, shape and colour: never by colour alone.

import { el, svg } from "./dom.js";
import { named, t } from "./i18n.js";

const SHAPES = {
  critical: ["M5 .8h6L15.2 5v6L11 15.200H5L.8 11V5z", "M8 4v5M8 11.200v.8"],
  warning: ["M8 1.200l7 13H1z", "M8 6v4M8 11.800v.6"],
  notice: ["M8 1.500a6.5 6.5 0 100 13 6.5 6.5 0 000-13z", "M8 7.300v4M8 4.600v.5"],
  none: ["M2 8h12", ""],
  ok: ["M8 1a7 7 0 100 14A7 7 0 008 1z", "M4.8 8.200l2.2 2.3 4.2-4.8"],
  degraded: ["M8 1.200l7 13H1z", "M8 6v4M8 11.800v.6"],
  down: ["M5 .8h6L15.2 5v6L11 15.200H5L.8 11V5z", "M5.3 5.300l5.4 5.400M10.7 5.300l-5.4 5.4"],
};

export function shape(name) {
  const [body, sign] = SHAPES[name] ?? SHAPES.none;
  return svg("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: `shape ${name}`, "aria-hidden": "true" },
    svg("path", { d: body, class: "body" }), sign && svg("path", { d: sign, class: "sign" }));
}

export const severity = (name) =>
  el("span", { class: `mark ${name}`, title: named("severity", `${name}.means`) }, shape(name), t(`severity.${name}`));

export const trust = (name) => el("span", { class: `mark ${name}` }, shape(name), t(`health.${name}`));

/** The state of a case: what the room said of it counts more than that it goes on. */
export function state(row) {
  const said = row.verdict && row.verdict.kind !== "noted" && row.verdict.kind !== "note" ? row.verdict.kind : null;
  return el("span", { class: `chip ${said ?? row.status}` }, said ? named("verdict", said) : named("status", row.status));
}
