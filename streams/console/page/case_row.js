// One case as a row of the board. It is made once and brought up to date in place, so that nothing jumps.

import { el, hidden, withSlots } from "./dom.js";
import { ago, count, halves, said, secondsBetween, utc } from "./format.js";
import { named, t } from "./i18n.js";
import { newsOf } from "./looked.js";
import * as marks from "./marks.js";
import { link } from "./route.js";
import { bars } from "./sparkline.js";

export class CaseRow {
  constructor(row, now) {
    this.element = el("li", { class: "row", "data-case": row.case_id });
    this.update(row, now);
  }

  update(row, now) {
    this.row = row;
    const focused = this.link !== undefined && document.activeElement === this.link;
    const { what, why } = halves(said(row.summary));
    this.element.className = `row ${row.severity}`;
    this.link = el("a", { class: "what", href: link("case", row.case_id) }, withSlots(what));
    this.when = el("time", { class: "when", datetime: row.changed, title: utc(row.changed) });
    this.element.replaceChildren(
      el("div", { class: "gravity" }, marks.severity(row.severity), el("span", { class: "score" }, t("board.score", { n: row.score }))),
      el("div", { class: "sentence" }, this.link, el("p", { class: "why" }, withSlots(why)), this.#chips()),
      figure("board.accounts", row.accounts),
      figure("board.posts", row.posts),
      el("div", { class: "minutes" }, bars(row.minutes, minutesSaid(row.minutes))),
      el("div", { class: "times" }, this.when, el("span", { class: "since", title: utc(row.first_seen) })),
    );
    this.age(now);
    if (focused) this.link.focus({ preventScroll: true });
  }

  /** Time goes on; only the words change. */
  age(now) {
    if (now === null) return;
    const last = ago(this.row.changed, now);
    if (this.when.textContent !== last) this.when.textContent = last;
    const first = t("board.first_seen", { time: ago(this.row.first_seen, now) });
    const since = this.element.querySelector(".since");
    const old = secondsBetween(this.row.first_seen, this.row.changed) > 60;
    if (since.textContent !== first) since.textContent = old ? first : "";
  }

  #chips() {
    const { row } = this;
    const news = newsOf(row);
    return el("p", { class: "chips" },
      news && el("span", { class: "chip news" }, t(`news.${news.what}`, { n: count(news.more) })),
      marks.state(row),
      row.watched?.length > 0 && el("span", { class: "chip watched" }, t("board.watched", { names: row.watched.join(", ") })),
      el("span", { class: "tag" }, row.detectors.map((one) => named("detector", one)).join(" · ")));
  }
}

const figure = (label, number) =>
  el("div", { class: "figure" }, el("span", { class: "number" }, count(number)), hidden(` ${t(label)}`));

const minutesSaid = (minutes) =>
  t("board.spark", { now: count(minutes.at(-1) ?? 0), most: count(Math.max(0, ...minutes)) });
