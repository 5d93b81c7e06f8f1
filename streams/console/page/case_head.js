// The head of a case: what was seen, how sure that is, what it does not prove, and what the room answered.

import { el, withSlots } from "./dom.js";
import { clock, count, dayAndMinute, halves, percent, said, utc } from "./format.js";
import { named, t, tn } from "./i18n.js";
import { language } from "./preferences.js";
import * as marks from "./marks.js";
import { boardLink } from "./route.js";
import { room } from "./room.js";

export function head(one, answer) {
  const { row, alert, sources = {} } = one;
  const { what, why } = halves(said(row.summary));
  return el("header", { class: `case-head ${row.severity}` },
    el("p", { class: "crumbs" }, el("a", { href: boardLink() }, `← ${t("case.back")}`), " ",
      el("code", {}, row.case_id), " ", t("case.revision", { n: row.revision })),
    el("p", { class: "chips" }, marks.severity(row.severity), marks.state(row),
      row.watched?.length > 0 && el("span", { class: "chip watched" }, t("board.watched", { names: row.watched.join(", ") })),
      el("span", { class: "tag" }, row.detectors.map((name) => named("detector", name)).join(" · "))),
    el("h1", {}, withSlots(what)),
    why && el("p", { class: "why" }, withSlots(why)),
    el("dl", { class: "figures" },
      figure("accounts", count(row.accounts), sources.accounts),
      figure("posts", [count(row.posts), one.posts_known > row.posts && el("span", { class: "small" }, ` ${t("figure.posts_known", { n: count(one.posts_known) })}`)], sources.posts),
      figure("score", count(row.score), sources.score),
      row.relevance > 0 && figure("relevance", count(row.relevance), sources.relevance),
      figure("first_seen", dayAndMinute(row.first_seen), utc(row.first_seen)),
      figure("last_seen", clock(alert.window.end), utc(alert.window.end))),
    actions(row, answer));
}

const figure = (name, value, source) =>
  el("div", { title: said(source) || null }, el("dt", {}, t(`figure.${name}`)), el("dd", {}, value));

function actions(row, answer) {
  const exported = (as) => `/api/cases/${encodeURIComponent(row.case_id)}/export?as=${as}`;
  const why = room.me?.role === "viewer" ? t("case.viewer") : t("case.no_answers");
  return el("div", { class: "actions", role: "group", "aria-label": t("case.actions") },
    answer ? [["confirmed", "case.confirm", "c"], ["dismissed", "case.dismiss", "d"], ["note", "case.note", "n"]].map(([kind, words, key]) =>
      el("button", { type: "button", class: kind, "aria-keyshortcuts": key, on: { click: () => answer(kind) } }, t(words), " ", el("kbd", { "aria-hidden": "true" }, key)))
      : el("p", { class: "small" }, why),
    el("span", { class: "exports" }, el("span", { class: "small" }, t("case.export")),
      ["csv", "json", "report"].map((as) => el("a", { href: exported(as), download: "" }, t(`case.export.${as}`)))));
}

/** What the room has said of the case, if it has. */
export function answered(row) {
  if (!row.verdict) return [];
  const { kind, reason, until } = row.verdict;
  return [el("p", { class: `answer ${kind}` },
    el("strong", {}, named("verdict", kind)), until ? ` ${t("verdict.until", { time: dayAndMinute(until) })}` : "",
    reason ? el("q", {}, reason) : "")];
}

export function howSure({ row, alert, traits, coverage }) {
  const tested = traits.filter((one) => one.state === "found" || one.state === "not_found").length;
  const found = traits.filter((one) => one.state === "found").length;
  const names = row.detectors.map((one) => named("detector", one)).join(", ");
  const facts = [
    tn("case.sure.ways", row.detectors.length, row.detectors.length, { names }),
    tested ? t("case.sure.traits", { found, tested, unknown: traits.length - tested }) : t("case.sure.untested"),
    alert.probability === null ? t("case.sure.score", { n: row.score }) : t("case.sure.probability", { p: percent(alert.probability) }),
    coverage.sampling === null ? t("case.sure.sampling_unknown") : t("case.sure.sampling", { p: percent(coverage.sampling) }),
    coverage.filter && t("case.sure.filter", { filter: coverage.filter }),
    coverage.gaps.length > 0 && tn("case.sure.gaps", coverage.gaps.length, coverage.gaps.length),
  ];
  return el("section", { class: `sure ${row.severity}`, "aria-labelledby": "sure" },
    el("h2", { id: "sure" }, t("case.sure")),
    el("p", { class: "verdict-words" }, marks.shape(row.severity), t(`case.sure.${row.severity}`)),
    el("ul", {}, facts.filter(Boolean).map((fact) => el("li", {}, fact))));
}

export const notProved = ({ not_proved: sentences }) =>
  el("section", { class: "not-proved", "aria-labelledby": "not-proved" },
    el("h2", { id: "not-proved" }, t("case.not_proved")),
    el("ul", {}, (sentences[language()] ?? []).map((sentence) => el("li", {}, sentence))));
