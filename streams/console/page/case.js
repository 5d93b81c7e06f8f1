// One case: in a minute why, and how sure. What is being read stays where it is; newer revisions are offered.

import { get } from "./api.js";
import { accountsTable } from "./case_accounts.js";
import { earlier, fate, history, provenance, rules, sample, targets, template } from "./case_evidence.js";
import { answered, head, howSure, notProved } from "./case_head.js";
import { askAnswer } from "./dialogs.js";
import { el, say } from "./dom.js";
import { halves, said } from "./format.js";
import { t } from "./i18n.js";
import { markSeen } from "./looked.js";
import { networkPicture } from "./network.js";
import { room } from "./room.js";
import { empty, failed, loading } from "./states.js";
import { timeline } from "./timeline.js";
import { traits } from "./traits.js";

const ASIDE = new Set(["history", "provenance"]); // at the end, and seldom looked for
const ANSWER_OF = { c: "confirmed", d: "dismissed", n: "note" };

export function caseView(route) {
  return new CaseView(route.rest[0] ?? "");
}

class CaseView {
  #ears = new AbortController();

  constructor(id) {
    this.id = id;
    this.title = t("case.loading");
    this.element = el("article", { class: "case" }, loading(t("case.loading")));
    this.newer = el("button", { type: "button", class: "arrived", hidden: true, on: { click: () => this.#load() } });
    room.addEventListener("cases", ({ detail }) => { if (detail.includes(id)) this.#moved(); }, { signal: this.#ears.signal });
    this.#load();
  }

  leave() {
    this.#ears.abort();
  }

  key(key) {
    const kind = ANSWER_OF[key];
    if (!kind || !this.case || !mayAnswer()) return false;
    this.#answer(kind);
    return true;
  }

  async #load() {
    const began = performance.now();
    try {
      this.case = await get(`/api/cases/${encodeURIComponent(this.id)}`);
    } catch (error) {
      const words = error.status === 404 ? empty(t("case.gone")) : failed(error, () => this.#load());
      return this.element.replaceChildren(words);
    }
    const kept = scrollY;
    this.#draw();
    scrollTo(0, kept);
    markSeen(this.case.row);
    performance.measure("vigie case", { start: began, end: performance.now() });
  }

  /** The room has a newer revision, or an answer: the state at once, the rest when the reader wants it. */
  #moved() {
    const row = room.cases.get(this.id);
    if (!this.case || !row) return;
    this.answered.replaceChildren(...answered(row));
    this.newer.hidden = row.revision <= this.case.row.revision;
    this.newer.textContent = t("case.newer", { n: row.revision });
  }

  #answer(kind) {
    const before = room.cases.get(this.id)?.revision;
    askAnswer(this.case.row, kind, () => {
      if (room.cases.get(this.id)?.revision !== before) return; // the room was quicker than the answer's answer
      this.answered.replaceChildren(el("p", { class: "pending" }, t("case.pending")));
      say(t("case.pending"));
    });
  }

  #draw() {
    const one = this.case;
    const { row } = one;
    this.title = halves(said(row.summary)).what;
    document.title = `${this.title} · Vigie`;
    this.answered = el("div", { class: "answered", role: "status" }, answered(row));
    this.newer.hidden = true;
    const sections = [
      section("timeline", "case.timeline", timeline(one.timeline), one.sources?.timeline),
      section("template", "case.template", template(one), one.sources?.template, one.template === null),
      section("traits", "case.traits", traits(one.traits), one.sources?.traits),
      section("network", "case.network", networkPicture(one.network), one.sources?.network),
      section("accounts", "case.accounts", accountsTable(one), one.sources?.account_table),
      section("sample", "case.sample", sample(one), one.sources?.sample),
      section("targets", "case.targets", targets(one), one.sources?.targets, one.targets.length === 0),
      section("fate", "case.fate", fate(one), one.sources?.fate),
      section("related", "case.related", earlier(one), one.sources?.earlier),
      section("history", "case.history", history(one)),
      section("provenance", "case.provenance", provenance(one)),
    ].filter(Boolean);
    this.element.replaceChildren(
      head(one, mayAnswer() ? (kind) => this.#answer(kind) : null),
      this.answered,
      el("div", { class: "judging" }, howSure(one), notProved(one), rules(one)),
      contents(sections),
      el("div", { class: "evidence" }, sections),
      this.newer);
  }
}

const mayAnswer = () => room.me?.answers !== false && room.me?.role !== "viewer";

function section(name, title, content, source = null, left = false) {
  if (left) return null;
  return el("section", { id: name, class: `evidence-${name}`, "aria-labelledby": `${name}-title`, tabindex: -1 },
    el("h2", { id: `${name}-title`, title: said(source) || null }, t(title)), content);
}

function contents(sections) {
  const to = (one) => () => { one.scrollIntoView(); one.focus({ preventScroll: true }); };
  return el("nav", { class: "contents", "aria-label": t("case.in_page") },
    sections.filter((one) => !ASIDE.has(one.id)).map((one) => el("button", { type: "button", class: "quiet", on: { click: to(one) } }, one.querySelector("h2").textContent)));
}
