// Whether what the room sees can be trusted now, and why.

import { el } from "./dom.js";
import { dayAndMinute, measure, said, utc } from "./format.js";
import { named, t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import * as marks from "./marks.js";
import { room } from "./room.js";
import { table } from "./table.js";

export const healthView = () => loadedView({ title: "healthpage.title", path: "/api/health", draw, on: "now" });

const WORKERS_UNKNOWN = { kafka: "healthpage.not_named", file: "healthpage.not_told" };

const draw = ({ state, reasons, figures, workers, gaps }) => [
  el("section", { class: `trust-now ${state}`, "aria-label": t("healthpage.state") },
    el("p", { class: "trust-words" }, marks.trust(state), " ", t(`healthpage.trust.${state}`)),
    reasons.length > 0 && el("ul", {}, reasons.map((one) => el("li", {}, said(one))))),
  el("h2", {}, t("healthpage.figures")),
  el("dl", { class: "cards" }, figures.map((one) => el("div", { class: one.value === null ? "unknown" : null },
    el("dt", {}, said(one.label)),
    el("dd", {}, one.value === null ? t("healthpage.unknown") : [el("span", { class: "number" }, measure(one.value)), " ", el("span", { class: "unit" }, one.unit)])))),
  el("h2", {}, t("healthpage.workers")),
  workers.length ? table(t("healthpage.workers"), ["worker", "state", "tasks", "lag", "since"].map((key) => t(`healthpage.${key}`)),
    workers.map((one) => [el("strong", {}, one.name), named("worker_state", one.state), measure(one.tasks), measure(one.lag), moment(one.since)]), { numbers: [2, 3] })
    : el("p", {}, t(WORKERS_UNKNOWN[room.me?.mode] ?? "healthpage.no_workers")),
  el("h2", {}, t("healthpage.gaps")),
  gaps.length ? table(t("healthpage.gaps"), ["start", "end", "why"].map((key) => t(`healthpage.${key}`)), gaps.map((one) => [moment(one.start), moment(one.end), said(one.why)]))
    : el("p", {}, t(room.me?.mode === "embedded" ? "healthpage.no_gaps" : "healthpage.no_gaps_told")),
];

const moment = (time) => time ? el("time", { datetime: time, title: utc(time) }, dayAndMinute(time)) : "–";
