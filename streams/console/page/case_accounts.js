// The accounts of a case with their signs. The server sorts and pages: a case may have twenty thousand.

import { get } from "./api.js";
import { el, hidden, outside } from "./dom.js";
import { count, day, measure, utc } from "./format.js";
import { named, t } from "./i18n.js";
import { failed, loading } from "./states.js";

const PAGE = 50;
const TYPING_MS = 250;
const COLUMNS = [ // name, what the server sorts by, kind
  ["account", "handle", ""],
  ["posts", "posts", "number"],
  ["created", "created", "number"],
  ["followers", null, "number"],
  ["bot", "bot", "number"],
  ["dormant", "dormant", "number"],
  ["signs", null, ""],
  ["fate", null, ""],
];

export function accountsTable(one) {
  return new AccountsTable(one).element;
}

class AccountsTable {
  #asked = 0;

  constructor({ row, has_fates: hasFates }) {
    this.row = row;
    this.sort = "posts";
    this.down = true;
    this.offset = 0;
    this.words = "";
    this.known = el("span", { class: "small" });
    this.body = el("div", {}, loading());
    const search = el("input", { type: "search", placeholder: t("case.accounts.search"), "aria-label": t("case.accounts.search"), autocomplete: "off" });
    let typing = null;
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => this.#ask({ words: search.value.trim(), offset: 0 }), TYPING_MS);
    });
    this.element = el("div", { class: "accounts" }, el("div", { class: "table-tools" }, search, this.known,
      !hasFates && el("span", { class: "small" }, t("case.accounts.fate_unknown"))), this.body);
    this.#ask({});
  }

  async #ask(change) {
    Object.assign(this, change);
    const asked = this.#asked += 1;
    const began = performance.now();
    const query = new URLSearchParams({ sort: this.sort, down: this.down ? "1" : "0", offset: this.offset, limit: PAGE, search: this.words });
    try {
      const page = await get(`/api/cases/${encodeURIComponent(this.row.case_id)}/accounts?${query}`);
      if (asked !== this.#asked) return; // a later question is already on its way
      this.#draw(page);
      performance.measure("vigie accounts", { start: began, end: performance.now(), detail: page.total });
    } catch (error) {
      this.body.replaceChildren(failed(error, () => this.#ask({})));
    }
  }

  #draw({ total, known, found = total, rows }) {
    const focused = this.body.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    this.known.textContent = known < this.row.accounts ? t("case.accounts.known", { known: count(known), total: count(this.row.accounts) }) : "";
    const body = rows.length ? rows.map(accountRow) : el("tr", {}, el("td", { colspan: COLUMNS.length }, t("case.accounts.none")));
    this.body.replaceChildren(
      el("div", { class: "scroll tall", role: "region", "aria-label": t("case.accounts"), tabindex: 0 },
        el("table", {}, el("thead", {}, el("tr", {}, COLUMNS.map((column) => this.#head(...column)))), el("tbody", {}, body))),
      this.#pager(found, rows.length));
    this.body.querySelector(`[data-focus="${focused}"]`)?.focus();
  }

  #head(name, sort, kind) {
    const words = t(`case.accounts.${name}`);
    const title = name === "bot" ? t("case.accounts.bot_title") : null;
    if (!sort) return el("th", { scope: "col", class: kind, title }, words);
    const sorted = this.sort === sort;
    const turn = () => this.#ask({ sort, down: sorted ? !this.down : sort !== "handle", offset: 0 });
    return el("th", { scope: "col", class: kind, title, "aria-sort": sorted ? (this.down ? "descending" : "ascending") : null },
      el("button", { type: "button", class: "sort", "data-focus": `sort-${sort}`, on: { click: turn } }, words,
        sorted && el("span", { "aria-hidden": "true" }, this.down ? " ▾" : " ▴"),
        sorted && hidden(`, ${t(this.down ? "case.accounts.sorted_down" : "case.accounts.sorted_up")}`)));
  }

  #pager(total, shown) {
    const to = (offset, name) => el("button", { type: "button", "data-focus": name, disabled: offset < 0 || offset >= total, on: { click: () => this.#ask({ offset }) } }, t(`case.accounts.${name}`));
    return el("div", { class: "pager" },
      el("span", { role: "status" }, t("case.accounts.page", { from: count(Math.min(total, this.offset + 1)), to: count(this.offset + shown), total: count(total) })),
      total > PAGE && [to(this.offset - PAGE, "previous"), to(this.offset + PAGE, "next")]);
  }
}

const accountRow = (one) => el("tr", {},
  el("td", {}, outside(one.url, one.handle ? `@${one.handle}` : one.author_id), one.name && el("span", { class: "small name", dir: "auto" }, one.name)),
  el("td", { class: "number" }, count(one.posts)),
  el("td", { class: "number" }, one.created ? el("time", { datetime: one.created, title: utc(one.created) }, day(one.created)) : "–"),
  el("td", { class: "number" }, count(one.followers)),
  el("td", { class: "number" }, measure(one.bot_score)),
  el("td", { class: "number" }, one.silent_days === null ? "–" : `${count(one.silent_days)}\u00a0${t("unit.days")}`),
  el("td", {}, el("span", { class: "signs" }, (one.signs ?? []).map((sign) => el("span", { class: "tag" }, named("sign", sign))))),
  el("td", {}, one.status && one.status !== "active" && el("span", { class: "chip gone" }, named("fate_of", one.status))));
