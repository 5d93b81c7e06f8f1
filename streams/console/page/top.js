// What the stream is full of: hashtags, links, sources, targets, texts, each with why it is or is not an alert.

import { el, withSlots } from "./dom.js";
import { count, percent, said } from "./format.js";
import { t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import * as marks from "./marks.js";
import { room } from "./room.js";
import { link } from "./route.js";
import { line } from "./sparkline.js";
import { share } from "./share.js";
import { empty } from "./states.js";

const KINDS = { hashtags: "hashtag", links: "link", sources: "source", targets: "target", texts: "text" };

export function topView(route) {
  const kind = route.name;
  const search = el("input", { type: "search", placeholder: t("top.search"), "aria-label": t("top.search"), autocomplete: "off" });
  let rows = [];
  const narrow = () => {
    const words = search.value.trim().toLowerCase();
    for (const [one, element] of rows) element.hidden = words !== "" && !`${one.handle ?? ""} ${one.label} ${one.value}`.toLowerCase().includes(words);
  };
  search.addEventListener("input", narrow);
  const draw = (answer) => {
    if (!answer.rows.length) return empty(t(room.me?.mode === "file" ? "top.not_told" : "top.empty"));
    rows = answer.rows.map((one) => [one, topRow(one, kind)]);
    narrow();
    return topTable(kind, rows.map(([, element]) => element));
  };
  const view = loadedView({ title: `top.${kind}`, lead: "top.lead", path: `/api/top/${kind}`, draw, on: "top" });
  view.element.querySelector(".lead").after(el("div", { class: "table-tools" }, search));
  view.key = (key) => key === "/" && (search.focus(), true);
  return view;
}

function topTable(kind, rows) {
  const head = (key, type = null, title = null) => el("th", { scope: "col", class: type, title: title && t(title) }, t(key));
  return el("div", { class: "scroll", role: "region", "aria-label": t(`top.${kind}`), tabindex: 0 },
    el("table", { class: "top" }, el("thead", {}, el("tr", {},
      head("top.value"), head("top.accounts", "number"), head("top.posts", "number"), head("top.bots", null, "top.bots_title"), head("top.trend"), head("top.state"), head("top.why"))),
    el("tbody", {}, rows)));
}

/** What leads; an account by its handle where that is known, with its id. */
function what(one, kind) {
  if (kind === "texts") return withSlots(one.label ?? one.value);
  if (one.handle) return [`@${one.handle}`, el("span", { class: "small block" }, one.value)];
  return `${kind === "hashtags" ? "#" : ""}${one.label ?? one.value}`;
}

const topRow = (one, kind) => el("tr", {},
  el("th", { scope: "row", class: "value", dir: "auto" }, what(one, kind)),
  el("td", { class: "number", "data-label": t("top.accounts") }, count(one.accounts)),
  el("td", { class: "number", "data-label": t("top.posts") }, count(one.posts)),
  el("td", { class: "chart", "data-label": t("top.bots") }, one.bot_share ? share(one.bot_share) : el("span", { class: "small" }, t("top.unknown"))),
  el("td", { class: "chart" }, one.trend?.length > 1 && line(one.trend, t("top.trend_label", { first: percent(one.trend[0]), last: percent(one.trend.at(-1)) }))),
  el("td", { class: "state-cell" }, marks.severity(one.severity ?? "none"), one.case_id && el("a", { class: "small block", href: link("case", one.case_id) }, t("top.case"))),
  el("td", { class: "why" }, said(one.why), " ",
    el("a", { class: "small", href: link("explain", KINDS[kind], one.value), "aria-label": t("top.explain_what", { what: one.handle ?? one.label ?? one.value }) }, t("top.explain"))));
