// Small pictures of a row of numbers: bars for counts, a line for shares.

import { svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 28;

/** Counts per step as bars; the newest ones stronger. */
export function bars(counts, label) {
  const most = Math.max(1, ...counts);
  const step = WIDTH / Math.max(1, counts.length);
  const path = counts.map((count, place) => {
    if (count === 0) return "";
    const tall = Math.max(1.5, (count / most) * (HEIGHT - 2));
    return `M${round(place * step)} ${HEIGHT}v${round(-tall)}h${round(step * 0.8)}V${HEIGHT}z`;
  });
  const newest = Math.max(0, counts.length - 5);
  return picture(label,
    svg("path", { d: `M0 ${HEIGHT - 0.5}H${WIDTH}`, class: "floor" }),
    svg("path", { d: path.slice(0, newest).join(""), class: "past" }),
    svg("path", { d: path.slice(newest).join(""), class: "newest" }));
}

/** Shares per step as a line from 0 to the highest, at least a tenth. */
export function line(shares, label) {
  const most = Math.max(0.1, ...shares);
  const step = WIDTH / Math.max(1, shares.length - 1);
  const points = shares.map((share, place) => `${round(place * step)} ${round(HEIGHT - 2 - (share / most) * (HEIGHT - 4))}`);
  const [x, y] = (points.at(-1) ?? `0 ${HEIGHT}`).split(" ");
  return picture(label,
    svg("path", { d: `M0 ${HEIGHT - 0.5}H${WIDTH}`, class: "floor" }),
    svg("path", { d: points.length ? `M${points.join("L")}` : "", class: "line" }),
    svg("circle", { cx: x, cy: y, r: 2.2, class: "newest" }));
}

const picture = (label, ...children) =>
  svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", role: "img", "aria-label": label, preserveAspectRatio: "none" }, ...children);

const round = (number) => Math.round(number * 10) / 10;
