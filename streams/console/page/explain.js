// Why, or why not: what was counted of one thing, what each detector asks for, and what each judgement measured.

import { el, withSlots } from "./dom.js";
import { clock, count, dayAndMinute, measure, said, saidOf, utc } from "./format.js";
import { named, t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import * as marks from "./marks.js";
import { link } from "./route.js";
import { table } from "./table.js";
import { traits } from "./traits.js";

const MOST = 20;
const LONGEST = 70;

export function explainView(route) {
  const [kind, value] = route.rest;
  const path = `/api/explain?${new URLSearchParams({ kind, value })}`;
  return loadedView({ title: "explain.title", path, draw, waiting: t("explain.loading") });
}

const draw = (answer) => answer.elsewhere ? elsewhere(answer) : [
  about(answer, answer.at),
  el("p", { class: "verdict-words" }, saidOf(answer, "verdict")),
  (saidOf(answer, "missing") ?? []).map((sentence) => el("p", { class: "small" }, sentence)),
  el("h2", {}, t("explain.counted")),
  el("dl", { class: "figures" }, Object.entries(answer.counted ?? {}).filter(([, one]) => typeof one === "number").map(([name, one]) =>
    el("div", {}, el("dt", {}, named("counted", name)), el("dd", {}, measure(one))))),
  answer.detectors?.length > 0 && el("h2", {}, t("explain.detectors")),
  (answer.detectors ?? []).map(detector),
  answer.findings?.length > 0 && el("h2", {}, t("explain.findings")),
  judgements(answer.findings ?? []),
];

/** The strongest ones; an operation that varies its text has hundreds. */
const judgements = (all) => [
  all.slice(0, MOST).map(finding),
  all.length > MOST && el("details", {}, el("summary", {}, t("explain.weaker", { n: count(all.length - MOST) })), all.slice(MOST).map(finding)),
];

const about = ({ kind, value }, at) =>
  el("p", { class: "lead" }, el("span", { class: "tag" }, named("kind", kind)), " ", el("strong", {}, kind === "hashtag" ? `#${value}` : value), " ",
    at && el("span", { class: "small", title: utc(at) }, t("explain.at", { time: dayAndMinute(at) })));

/** Where not every use is counted: what is known because it leads, and how to ask for more. */
const elsewhere = ({ kind, value, leader, ...answer }) => [
  about({ kind, value: leader?.label ?? value }, leader?.seen),
  leader && el("p", { class: "verdict-words" }, marks.severity(leader.severity ?? "none"), " ", said(leader.why)),
  leader && el("p", {}, t("explain.leader", { accounts: count(leader.accounts), posts: count(leader.posts) }), " ",
    leader.case_id && el("a", { href: link("case", leader.case_id) }, t("top.case"))),
  el("h2", {}, t("explain.elsewhere")),
  el("p", {}, said(answer.elsewhere)),
  el("pre", { class: "commands", tabindex: 0 }, answer.commands.join("\n")),
];

/** Open where it missed something: that is why there is no finding. */
const detector = (one) => el("details", { open: one.state !== "judged" && one.conditions.some((each) => each.state === "not_met") },
  el("summary", {}, t("explain.detector", { detector: named("detector", one.detector), state: named("explain.state", one.state) })),
  table(named("detector", one.detector), [t("explain.condition"), t("explain.measured"), t("explain.needed"), t("explain.state")],
    one.conditions.map((each) => [saidOf(each, "what"), shown(each.measured), `${named("bound", each.bound)} ${shown(each.wanted)}`, stateMark(each.state)]), { numbers: [1] }));

const finding = (one) => el("details", {},
  el("summary", {}, marks.severity(one.severity ?? "none"), " ", what(one), ", ",
    t("explain.judged", { time: clock(one.judged_at), score: one.score, accounts: count(one.accounts), posts: count(one.posts) })),
  one.template && el("blockquote", { class: "template" }, withSlots(one.template)),
  table(t("explain.rule"), [t("explain.rule"), t("explain.points"), t("explain.state"), t("explain.measured"), t("explain.needed")],
    one.rules.map((rule) => [el("code", {}, rule.code), shown(rule.points), stateMark(rule.state),
      Object.entries(rule.numbers ?? {}).map(([name, number]) => `${name} ${shown(number)}`).join(", "), saidOf(rule, "needed")]), { numbers: [1] }),
  one.traits?.length > 0 && traits(one.traits.map((trait) => ({ sentence: null, ...trait }))),
  one.alerts?.length > 0 && el("p", {}, el("a", { href: link("case", one.alerts[0].case_id) }, t("top.case"))));

/** What was judged: a text by its beginning, since its id says nothing. */
function what({ about: subject, template }) {
  const [kind, ...value] = subject.split(":");
  if (kind === "hashtag") return `#${value.join(":")}`;
  return kind === "text" && template ? withSlots(template.length > LONGEST ? `${template.slice(0, LONGEST)}…` : template) : `${named("kind", kind)} ${value.join(":")}`;
}

const stateMark = (state) => el("span", { class: `chip ${state}` }, named("explain.state", state));

const shown = (value) => typeof value === "number" ? measure(value) : value === null || value === undefined ? "–" : String(value);
