// Why, or why not: what was counted of one thing, what each detector asks for, and what each judgement measured.

import { el, withSlots } from "./dom.js";
import { clock, count, dayAndMinute, measure, utc } from "./format.js";
import { named, t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import * as marks from "./marks.js";
import { link } from "./route.js";
import { table } from "./table.js";
import { traits } from "./traits.js";

export function explainView(route) {
  const [kind, value] = route.rest;
  const path = `/api/explain?${new URLSearchParams({ kind, value })}`;
  return loadedView({ title: "explain.title", path, draw, waiting: t("explain.loading") });
}

const draw = (answer) => [
  el("p", { class: "lead" }, el("span", { class: "tag" }, named("kind", answer.kind)), " ", el("strong", {}, answer.value), " ",
    el("span", { class: "small", title: utc(answer.at) }, t("explain.at", { time: dayAndMinute(answer.at) }))),
  el("p", { class: "verdict-words" }, answer.verdict),
  el("h2", {}, t("explain.counted")),
  el("dl", { class: "figures" }, Object.entries(answer.counted ?? {}).filter(([, one]) => typeof one === "number").map(([name, one]) =>
    el("div", {}, el("dt", {}, name.replaceAll("_", " ")), el("dd", {}, measure(one))))),
  answer.detectors?.length > 0 && el("h2", {}, t("explain.detectors")),
  (answer.detectors ?? []).map(detector),
  answer.findings?.length > 0 && el("h2", {}, t("explain.findings")),
  (answer.findings ?? []).map(finding),
];

const detector = (one) => el("details", { open: one.conditions.some((each) => each.state === "missed") },
  el("summary", {}, named("detector", one.detector), ": ", named("explain.state", one.state.replaceAll(" ", "_"))),
  table(named("detector", one.detector), [t("explain.condition"), t("explain.measured"), t("explain.needed"), t("explain.state")],
    one.conditions.map((each) => [each.what, shown(each.measured), `${each.bound ?? ""} ${shown(each.wanted)}`, stateMark(each.state)]), { numbers: [1] }));

const finding = (one) => el("details", {},
  el("summary", {}, marks.severity(one.severity ?? "none"), " ", one.about, " ",
    t("explain.judged", { time: clock(one.judged_at), score: one.score, accounts: count(one.accounts), posts: count(one.posts) })),
  one.template && el("blockquote", { class: "template" }, withSlots(one.template)),
  table(t("explain.rule"), [t("explain.rule"), t("explain.points"), t("explain.state"), t("explain.measured"), t("explain.needed")],
    one.rules.map((rule) => [el("code", {}, rule.code), shown(rule.points), stateMark(rule.state),
      Object.entries(rule.numbers ?? {}).map(([name, number]) => `${name} ${shown(number)}`).join(", "), rule.needed]), { numbers: [1] }),
  one.traits?.length > 0 && traits(one.traits.map((trait) => ({ sentence: null, ...trait }))),
  one.alerts?.length > 0 && el("p", {}, el("a", { href: link("case", one.alerts[0].case_id) }, t("top.case"))));

const stateMark = (state) => el("span", { class: `chip ${state.replaceAll(" ", "_")}` }, named("explain.state", state.replaceAll(" ", "_")));

const shown = (value) => typeof value === "number" ? measure(value) : value === null || value === undefined ? "–" : String(value);
