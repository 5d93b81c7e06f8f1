// The plain parts of a case: rules, common text, posts to read, targets, fate, related cases, revisions, provenance.

import { el, outside, svg, withSlots } from "./dom.js";
import { clock, count, dayAndMinute, halves, said, utc } from "./format.js";
import { named, t, WORDS } from "./i18n.js";
import * as marks from "./marks.js";
import { language } from "./preferences.js";
import { link } from "./route.js";
import { table } from "./table.js";

const FULL = 100;

export function rules({ alert }) {
  const met = (alert.reasons ?? []).map((reason) => el("li", {},
    el("span", { class: "number" }, t("case.points", { n: reason.points }), weight(reason.points)),
    el("span", {}, said(reason), " ", el("code", { class: "small" }, reason.code))));
  return el("section", { class: "why-rules", "aria-labelledby": "why-rules" }, el("h2", { id: "why-rules" }, t("case.why")), el("ol", { class: "rules" }, met));
}

const weight = (points) =>
  svg("svg", { viewBox: `0 0 ${FULL} 4`, class: "weight", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("rect", { width: FULL, height: 4, class: "scale" }), svg("rect", { width: points, height: 4, class: "points" }));

export function template({ template: common }) {
  if (!common) return null;
  const slots = [...new Set([...common.text.matchAll(/\{@?([a-z]+)\}/g)].map(([, name]) => name))];
  return [
    el("blockquote", { class: "template", dir: "auto" }, withSlots(common.text)),
    slots.length > 0 && el("p", { class: "small" }, t("case.template.slots", { slots: slots.map((one) => `${one} = ${named("slot", one)}`).join("; ") })),
  ];
}

export function sample({ posts, posts_known: known, posts_whole: whole = false, has_fates: hasFates = true }) {
  if (!posts.length) return el("p", {}, t("case.sample.none"));
  const rows = [...posts].reverse().map((one) => [
    el("time", { datetime: one.created_at, title: utc(one.created_at) }, clock(one.created_at)),
    one.handle ? `@${one.handle}` : el("code", {}, one.author_id),
    one.kind ? named("kind", one.kind) : "–",
    [outside(one.url, one.url ? t("case.sample.open") : el("code", {}, one.id)), one.fate && el("span", { class: "chip gone" }, t("case.sample.deleted"))],
  ]);
  return [
    el("p", { class: "small" }, t("case.sample.shown", { n: count(posts.length), known: count(known) }), !whole && ` ${t("case.sample.part")}`, !hasFates && ` ${t("case.sample.fate_unknown")}`),
    table(t("case.sample"), [t("case.time"), t("case.sample.account"), t("case.sample.kind"), t("case.sample.post")], rows, { tall: true }),
  ];
}

export const targets = ({ targets: all }) =>
  el("ul", { class: "targets" }, all.map((one) => el("li", {},
    el("strong", {}, one.handle ? `@${one.handle}` : one.value), " ", el("span", { class: "small" }, namedBy(one)))));

const namedBy = ({ accounts = null, posts = null }) => [
  accounts !== null && t("case.targets.accounts", { n: count(accounts) }), posts !== null && t("case.targets.posts", { n: count(posts) }),
].filter(Boolean).join(", ");

export function fate({ fate: now }) {
  if (!now || !(now.gone || now.returned || now.erased)) return el("p", {}, t("case.fate.none"));
  const of = (n, total) => t("case.fate.of", { n: count(n), total: count(total) });
  return el("dl", { class: "figures" },
    [["gone", of(now.gone, now.accounts)], ["suspended", count(now.suspended)], ["returned", count(now.returned)], ["erased", of(now.erased, now.posts)]]
      .map(([name, value]) => el("div", {}, el("dt", {}, t(`case.fate.${name}`)), el("dd", {}, value))));
}

export function earlier({ earlier: cases }) {
  if (!cases.length) return el("p", {}, t("case.related.none"));
  return el("ul", {}, cases.map((one) => el("li", {},
    el("a", { href: link("case", one.case_id) }, one.summary ? withSlots(halves(said(one.summary)).what) : one.case_id), " ",
    el("span", { class: "small" }, t("case.earlier")))));
}

export function history({ revisions }) {
  const rows = [...revisions].reverse().map((one) => [
    count(one.revision),
    el("time", { datetime: one.time, title: utc(one.time) }, dayAndMinute(one.time)),
    [marks.severity(one.severity), " ", count(one.score)],
    named("status", one.status),
    withSlots(said(one.summary)),
  ]);
  return el("details", {}, el("summary", {}, `${t("case.history")} (${count(revisions.length)})`),
    table(t("case.history"), ["#", t("case.time"), t("figure.score"), t("board.state"), t("case.why")], rows, { tall: true }));
}

export function provenance({ sources = {}, disarm, alert }) {
  const versions = Object.entries(alert.versions ?? {}).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${value}`);
  return el("dl", { class: "provenance" },
    Object.entries(sources).map(([name, sentence]) => pair(figureName(name), said(sentence))),
    disarm.length > 0 && pair(t("case.techniques"), disarm.map((one) => typeof one === "string" ? one : `${one.id} ${one.name ?? ""}`).join(", ")),
    pair(t("case.versions"), versions.join(", ")));
}

const FIGURES = { earlier: "case.related", minutes: "board.minutes", bot_score: "case.accounts.bot" };

/** Figures of the server by the words that stand over them on the page. */
function figureName(name) {
  const key = [FIGURES[name], `figure.${name}`, `case.${name}`].find((one) => one && WORDS[language()][one] !== undefined);
  return key ? t(key) : name.replaceAll("_", " ");
}

const pair = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
