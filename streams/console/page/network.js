// The accounts of a case and what they share, as a picture, and the same as a table.

import { el, svg } from "./dom.js";
import { count } from "./format.js";
import { named, t, tn } from "./i18n.js";
import { layout } from "./network_layout.js";
import { table } from "./table.js";

const MARGIN = 26;
const LONGEST = 30;
const LETTER = 6.6; // pixels, about
const LINE = 15;
const SHAPE = 14;
const SHAPES = { // around 0,0, about one unit wide; each kind is known by its shape, not by its colour
  account: null,
  post: "M-1-1h2v2h-2z",
  link: "M0-1.3 1.3 0 0 1.3-1.3 0z",
  hashtag: "M-.6-1.100H.6L1.2 0 .6 1.100H-.6L-1.2 0z",
  text: "M-1.5-.9h3v1.800h-3z",
  source: "M0-1.3 1.2.9h-2.400z",
  target: "M0 1.3-1.2-.9h2.400z",
};

export function networkPicture(network) {
  if (!network?.nodes.length || !network.edges.length) return el("p", {}, t("case.network.none"));
  const positions = layout(network.nodes, network.edges);
  const holder = el("div", { class: "network" });
  let drawn = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width > 0 && width !== drawn) holder.replaceChildren(picture(network, positions, drawn = width));
  }).observe(holder);
  return [
    holder,
    el("p", { class: "legend small" }, [...new Set(network.nodes.map((one) => one.kind))].map((kind) =>
      el("span", {}, svg("svg", { viewBox: "-2 -2 4 4", width: 16, height: 16, class: `node ${kind}`, "aria-hidden": "true" }, drawnShape(kind, 1)), " ", named("kind", kind)))),
    el("p", { class: "small" }, t("case.network.hint"), " ", network.left_out > 0 && tn("case.network.left_out", network.left_out, count(network.left_out))),
    el("details", {}, el("summary", {}, t("case.timeline.as_table")), asTable(network)),
  ];
}

function picture({ nodes, edges }, positions, width) {
  const height = Math.min(520, Math.max(300, Math.round(width * 0.5)));
  const at = new Map(nodes.map((node, i) => [node.id, [MARGIN + positions[i][0] * (width - 2 * MARGIN), MARGIN + positions[i][1] * (height - 2 * MARGIN)]]));
  const ties = new Map(nodes.map((node) => [node.id, new Set([node.id])]));
  for (const { a, b } of edges) { ties.get(a)?.add(b); ties.get(b)?.add(a); }
  const known = edges.filter(({ a, b }) => at.has(a) && at.has(b));
  const lines = known.map((edge) => [edge, svg("path", { d: `M${at.get(edge.a).map(round).join(" ")}L${at.get(edge.b).map(round).join(" ")}`, class: edge.weight > 2 ? "tie heavy" : "tie" })]);
  const largest = Math.max(1, ...nodes.map((node) => node.size ?? 1));
  const marks = [...nodes].sort((a, b) => (a.kind !== "account") - (b.kind !== "account")).map((node) => [node, nodeMark(node, at.get(node.id), ties.get(node.id).size - 1, largest, width)]);
  const legible = withRoom(nodes, at, width);
  for (const [node, mark] of marks) mark.classList.toggle("mute", !legible.has(node.id));
  const light = (id) => {
    const near = id === null ? null : ties.get(id);
    for (const [node, mark] of marks) mark.classList.toggle("dim", near !== null && !near.has(node.id));
    for (const [edge, mark] of lines) mark.classList.toggle("dim", near !== null && edge.a !== id && edge.b !== id);
    for (const [node, mark] of marks) mark.classList.toggle("lit", near !== null && near.has(node.id));
  };
  const idOf = (event) => event.target.closest?.("[data-node]")?.dataset.node ?? null;
  const accounts = nodes.filter((node) => node.kind === "account").length;
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
    "aria-label": t("case.network.label", { accounts: count(accounts), things: count(nodes.length - accounts), edges: count(known.length) }),
    on: { pointerover: (event) => light(idOf(event)), pointerleave: () => light(null), click: (event) => light(idOf(event)) } },
    lines.map(([, mark]) => mark), marks.map(([, mark]) => mark));
}

/** The things whose labels fit beside those of larger ones; the other labels wait to be pointed at. */
function withRoom(nodes, at, width) {
  const fits = new Set();
  const things = nodes.filter(({ kind }) => kind !== "account" && kind !== "post"); // the largest first
  const taken = things.map(({ id }) => { const [x, y] = at.get(id); return { id, from: x - SHAPE, to: x + SHAPE, y }; });
  for (const { id, label } of things) {
    const [x, y] = at.get(id);
    const wide = SHAPE + Math.min(LONGEST, label.length) * LETTER;
    const box = { id, from: isLeft(x, width) ? x - wide : x, to: isLeft(x, width) ? x : x + wide, y };
    if (taken.some((other) => other.id !== id && box.from < other.to && other.from < box.to && Math.abs(y - other.y) < LINE)) continue;
    taken.push(box);
    fits.add(id);
  }
  return fits;
}

const isLeft = (x, width) => x > width * 0.7;

function nodeMark(node, [x, y], ties, largest, width) {
  const radius = node.kind === "account" ? 3.5 + 3 * Math.sqrt((node.size ?? 1) / largest) : 7 + 4 * Math.sqrt((node.size ?? 1) / largest);
  const words = node.label.length > LONGEST ? `${node.label.slice(0, LONGEST - 1)}…` : node.label;
  const left = isLeft(x, width);
  return svg("g", { class: `node ${node.kind}`, "data-node": node.id, transform: `translate(${round(x)} ${round(y)})` },
    svg("title", {}, t("case.network.node", { kind: named("kind", node.kind), label: node.label, n: count(ties) })),
    drawnShape(node.kind, radius),
    svg("text", { x: left ? -radius - 5 : radius + 5, y: 4, class: left ? "end" : null }, words));
}

function drawnShape(kind, radius) {
  const path = SHAPES[kind] === undefined ? SHAPES.post : SHAPES[kind];
  return path === null ? svg("circle", { r: radius }) : svg("path", { d: path, transform: `scale(${round(radius)})` });
}

function asTable({ nodes, edges }) {
  const label = new Map(nodes.map((node) => [node.id, `${named("kind", node.kind)} ${node.label}`]));
  const rows = [...edges].sort((a, b) => b.weight - a.weight).map((edge) => [label.get(edge.a) ?? edge.a, label.get(edge.b) ?? edge.b, count(edge.weight)]);
  return table(t("case.network"), [t("case.network.from"), t("case.network.to"), t("case.network.weight")], rows, { tall: true, numbers: [2] });
}

const round = (number) => Math.round(number * 10) / 10;
