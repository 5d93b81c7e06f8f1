// When the posts of a case came, with the windows that the detectors looked at and the alerts that were given.

import { el, svg } from "./dom.js";
import { clock, count, minute, span, utc } from "./format.js";
import { named, t, tn } from "./i18n.js";
import { table } from "./table.js";

const LEFT = 40;
const RIGHT = 12;
const TOP = 34;
const BARS = 120;
const BAND = 15;
const MOST_WINDOWS = 8;
const AXIS = 22;

export function timeline(line) {
  if (!line || !line.posts.length) return el("p", {}, t("case.timeline.none"));
  const windows = [...line.windows].sort((a, b) => Date.parse(a.start) - Date.parse(b.start));
  const shown = oneEach(windows).slice(0, MOST_WINDOWS);
  const holder = el("div", { class: "timeline" });
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width > 0) holder.replaceChildren(picture(line, shown, width));
  }).observe(holder);
  holder.append(picture(line, shown, 900));
  return [
    holder,
    windows.length > shown.length && el("p", { class: "small" }, tn("case.timeline.more", windows.length - shown.length, count(windows.length - shown.length))),
    el("details", {}, el("summary", {}, t("case.timeline.as_table")), asTable(line)),
  ];
}

/** Of each detector the longest window: the others lie within it or beside it. */
function oneEach(windows) {
  const longest = new Map();
  const length = (one) => Date.parse(one.end) - Date.parse(one.start);
  for (const one of windows) {
    const known = longest.get(one.detector);
    if (!known || length(one) > length(known)) longest.set(one.detector, one);
  }
  return [...longest.values()];
}

function picture(line, windows, width) {
  const start = Date.parse(line.start);
  const step = line.step_s * 1000;
  const times = [...line.alerts.map((one) => Date.parse(one.time)), ...windows.map((one) => Date.parse(one.end))];
  const end = Math.max(start + line.posts.length * step, ...times);
  const x = (time) => LEFT + ((time - start) / (end - start)) * (width - LEFT - RIGHT);
  const most = Math.max(1, ...line.posts);
  const floor = TOP + BARS;
  const height = floor + AXIS + windows.length * BAND + 6;
  const tall = (n) => (n / most) * BARS;
  const wide = Math.max(1, (x(start + step) - x(start)) * 0.86);
  const bars = line.posts.map((n, place) => n ? `M${round(x(start + place * step))} ${floor}v${round(-tall(n))}h${round(wide)}V${floor}z` : "").join("");
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": described(line, end) },
    [0.5, 1].map((part) => [
      svg("path", { d: `M${LEFT} ${round(floor - BARS * part)}H${width - RIGHT}`, class: "grid" }),
      svg("text", { x: LEFT - 6, y: floor - BARS * part + 4, class: "end" }, count(Math.round(most * part)))]),
    svg("text", { x: LEFT, y: 12 }, t("case.timeline.step", { step: span(line.step_s) })),
    svg("path", { d: bars, class: "bars" }),
    svg("path", { d: `M${LEFT} ${floor + 0.5}H${width - RIGHT}`, class: "axis" }),
    ticks(start, end, width).map((time) => [
      svg("path", { d: `M${round(x(time))} ${floor}v4`, class: "axis" }),
      svg("text", { x: x(time), y: floor + 16, class: "middle" }, minute(time))]),
    line.alerts.map((one) => mark(one, x(Date.parse(one.time)))),
    windows.map((one, place) => band(one, x, floor + AXIS + place * BAND, width)));
}

/** A flag at each alert; the first has its number, the others are near enough to be read from the table. */
function mark(alert, x) {
  const words = t("case.timeline.alert", { n: alert.revision, time: clock(alert.time) });
  return svg("g", { class: alert.revision === 1 ? "alert first" : "alert" }, svg("title", {}, words),
    svg("path", { d: `M${round(x)} ${TOP - 4}V${TOP + BARS}`, class: "pole" }),
    svg("path", { d: `M${round(x - 4)} ${TOP - 10}h8l-4 7z`, class: "flag" }));
}

function band(window, x, y, width) {
  const from = x(Date.parse(window.start));
  const to = Math.max(from + 3, x(Date.parse(window.end)));
  const name = named("detector", window.detector);
  const inside = to - from > name.length * 7;
  const after = to + name.length * 7 < width;
  const place = inside ? { x: from + 6 } : after ? { x: to + 5 } : { x: from - 5, class: "end" };
  return svg("g", { class: "band" },
    svg("title", {}, t("case.timeline.window", { detector: name, start: clock(window.start), end: clock(window.end) })),
    svg("rect", { x: round(from), y, width: round(to - from), height: BAND - 3, rx: 2 }),
    svg("text", { ...place, y: y + 9.5 }, name));
}

function ticks(start, end, width) {
  const wanted = Math.max(2, Math.floor(width / 110));
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440].map((minutes) => minutes * 60_000);
  const step = steps.find((one) => (end - start) / one <= wanted) ?? steps.at(-1) * Math.ceil((end - start) / steps.at(-1) / wanted);
  const times = [];
  for (let time = Math.ceil(start / step) * step; time <= end; time += step) times.push(time);
  return times;
}

const described = (line, end) => t("case.timeline.label", {
  posts: count(line.posts.reduce((sum, n) => sum + n, 0)), start: clock(line.start), end: clock(end),
  most: count(Math.max(...line.posts)), step: span(line.step_s), alerts: count(line.alerts.length) });

function asTable(line) {
  const start = Date.parse(line.start);
  const rows = line.posts.map((n, place) => {
    const from = start + place * line.step_s * 1000;
    const alerts = line.alerts.filter(({ time }) => Date.parse(time) >= from && Date.parse(time) < from + line.step_s * 1000);
    return [n, alerts, from];
  }).filter(([n, alerts]) => n || alerts.length).map(([n, alerts, from]) =>
    [el("time", { datetime: new Date(from).toISOString(), title: utc(from) }, clock(from)), count(n), alerts.map((one) => one.revision).join(", ")]);
  return table(t("case.timeline"), [t("case.time"), t("case.timeline.step", { step: span(line.step_s) }), t("case.timeline.alerts")], rows, { tall: true, numbers: [1] });
}

const round = (number) => Math.round(number * 10) / 10;
