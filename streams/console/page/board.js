// The board: what is going on, the most severe first. It changes by itself, and never under the reader's hands.

import { fromQuery, inOrder, NO_FILTERS, ORDERS, passes, SEVERITIES, STATES, toQuery } from "./case_order.js";
import { CaseRow } from "./case_row.js";
import { el, say, withSlots } from "./dom.js";
import { clock, count, fromTo, halves, said, utc } from "./format.js";
import { named, t, tn } from "./i18n.js";
import { firstLook, lookedAt, markAllSeen, newsOf } from "./looked.js";
import * as marks from "./marks.js";
import { rememberBoard } from "./route.js";
import { isOpen, room } from "./room.js";
import { empty, loading } from "./states.js";

const READING_MS = 2500;
const SCROLLED = 120;

export function boardView(route) {
  return new Board(fromQuery(route.query));
}

class Board {
  #ears = new AbortController();
  #rows = new Map();
  #waiting = new Set();
  #pointed = -Infinity;
  #later = null;

  constructor(filters) {
    this.filters = filters;
    this.title = t("board.title");
    this.situation = el("section", { class: "situation", "aria-label": t("board.situation") });
    this.list = el("div", { class: "list", on: { pointermove: () => { this.#pointed = performance.now(); } } });
    this.aside = el("aside", { class: "open-groups", "aria-labelledby": "open-groups" });
    this.shown = el("p", { class: "shown", role: "status" });
    this.arrived = el("button", { type: "button", class: "arrived", hidden: true, on: { click: () => this.#showArrived() } });
    this.element = el("div", { class: "board" },
      el("h1", { class: "hidden-text" }, t("board.title")), this.situation, this.#controls(),
      el("div", { class: "columns" }, this.list, this.aside), this.arrived);
    const { signal } = this.#ears;
    const listen = (name, heard) => room.addEventListener(name, heard, { signal });
    listen("cases", ({ detail }) => this.#changed(detail));
    listen("open", () => this.#drawOpenGroups());
    listen("now", () => this.#older());
    addEventListener("scroll", () => { if (!this.#reading()) this.#apply(); }, { signal, passive: true });
    if (room.loaded) firstLook([...room.cases.values()], room.now);
    this.#apply();
    this.#drawOpenGroups();
  }

  leave() {
    this.#ears.abort();
    clearTimeout(this.#later);
  }

  key(key) {
    if (key === "j" || key === "k") return this.#move(key === "j" ? 1 : -1);
    if (key === "/") return this.search.focus(), this.search.select(), true;
    if (key === "Escape" && document.activeElement === this.search) {
      this.search.value = "";
      this.#filter({ words: "" });
      return this.search.blur(), true;
    }
    return false;
  }

  #move(by) {
    const links = [...this.list.querySelectorAll("a.what")];
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))];
    next?.focus();
    next?.closest("li").scrollIntoView({ block: "nearest" });
    return true;
  }

  // --- what the room tells

  #changed(ids) {
    if (room.loaded) firstLook([...room.cases.values()], room.now);
    for (const id of ids) {
      const row = room.cases.get(id);
      const shown = this.#rows.get(id);
      this.#tell(row, shown?.row);
      const stays = row !== undefined && passes(row, this.filters);
      if (shown && row) shown.update(row, room.now);
      if (stays !== (shown !== undefined)) this.#waiting.add(id);
    }
    if (this.#reading()) this.#announceWaiting();
    else this.#apply();
    this.#drawSituation();
  }

  /** Those who do not see the screen hear what somebody should act on. */
  #tell(row, before) {
    if (!row || !this.#rows.size || row.severity === "notice") return;
    const what = halves(said(row.summary)).what;
    if (!before && isOpen(row) && !this.#waiting.has(row.case_id) && passes(row, this.filters)) {
      say(t("board.said_new", { severity: t(`severity.${row.severity}`), what }));
    } else if (before && before.severity !== row.severity) {
      say(t("board.said_more", { severity: t(`severity.${row.severity}`), what }));
    } else if (before && isOpen(before) && !isOpen(row)) {
      say(t("board.said_answered", { what, status: named("status", row.status) }));
    }
  }

  /** Whether moving the list now would take the line away under somebody's eyes or hand. */
  #reading() {
    const pointing = performance.now() - this.#pointed < READING_MS;
    return scrollY > SCROLLED || pointing || this.list.contains(document.activeElement);
  }

  #announceWaiting() {
    const n = this.#waiting.size;
    this.arrived.hidden = n === 0;
    this.arrived.textContent = n ? tn("board.arrived", n, count(n)) : "";
    clearTimeout(this.#later);
    this.#later = setTimeout(() => { if (!this.#reading()) this.#apply(); }, READING_MS);
  }

  #showArrived() {
    const arrived = new Set(this.#waiting);
    this.#apply();
    const first = [...this.list.querySelectorAll("li.row")].find((row) => arrived.has(row.dataset.case));
    first?.scrollIntoView({ block: "center" });
    first?.querySelector("a.what").focus({ preventScroll: true });
  }

  #older() {
    for (const row of this.#rows.values()) row.age(room.now);
    this.#drawSituation();
  }

  // --- drawing

  #apply() {
    const began = performance.now();
    this.#waiting.clear();
    this.arrived.hidden = true;
    const all = [...room.cases.values()];
    const rows = inOrder(all.filter((row) => passes(row, this.filters)), this.filters.order);
    const kept = new Set(rows.map((row) => row.case_id));
    for (const id of this.#rows.keys()) if (!kept.has(id)) this.#rows.delete(id);
    this.#drawList(rows);
    this.shown.textContent = t("board.shown", { n: count(rows.length), all: count(all.length) });
    this.#drawSituation();
    performance.measure("vigie board", { start: began, end: performance.now(), detail: rows.length });
  }

  #drawList(rows) {
    if (!room.loaded) return this.list.replaceChildren(loading());
    if (!rows.length) return this.list.replaceChildren(this.#nothing());
    const split = this.filters.order === "severity";
    const parts = split ? SEVERITIES.map((name) => [name, rows.filter((row) => row.severity === name)]) : [["all", rows]];
    const sections = parts.filter(([, some]) => some.length).map(([name, some]) => this.#section(name, some));
    const heads = this.list.querySelector(".heads") ?? columnHeads();
    const wanted = [heads, ...sections];
    for (const child of [...this.list.children]) if (!wanted.includes(child)) child.remove();
    wanted.forEach((child, place) => { if (this.list.children[place] !== child) this.list.insertBefore(child, this.list.children[place] ?? null); });
  }

  #section(name, rows) {
    const made = this.list.querySelector(`section[data-part="${name}"]`) ?? newSection(name);
    made.querySelector(".how-many")?.replaceChildren(count(rows.length));
    const ol = made.querySelector("ol");
    const elements = rows.map((row) => this.#rowOf(row).element);
    const wanted = new Set(elements);
    for (const child of [...ol.children]) if (!wanted.has(child)) child.remove();
    elements.forEach((element, place) => {
      if (ol.children[place] !== element) ol.insertBefore(element, ol.children[place] ?? null);
    });
    return made;
  }

  #rowOf(row) {
    let made = this.#rows.get(row.case_id);
    if (!made) this.#rows.set(row.case_id, made = new CaseRow(row, room.now));
    return made;
  }

  #nothing() {
    const some = room.cases.size > 0 && (toQuery(this.filters).size > 0 || [...room.cases.values()].some(isOpen));
    if (!some) return empty(t("board.empty"), t("board.empty_more"));
    const clear = () => { this.#filter(structuredClone(NO_FILTERS)); this.#redrawControls(); };
    return empty(t("board.none"), el("button", { type: "button", on: { click: clear } }, t("board.clear")));
  }

  #drawSituation() {
    const open = [...room.cases.values()].filter(isOpen);
    const tiles = SEVERITIES.map((name) => {
      const n = open.filter((row) => row.severity === name).length;
      return el("li", { class: `tile ${name}${n ? "" : " zero"}` },
        el("span", { class: "number" }, count(n)), marks.severity(name),
        el("span", { class: "means" }, t(`severity.${name}.means`)));
    });
    document.title = `${open.some((row) => row.severity === "critical") ? "● " : ""}${t("board.title")} · Vigie`;
    this.situation.replaceChildren(el("ul", { class: "tiles" }, tiles), this.#news());
  }

  #news() {
    const rows = [...room.cases.values()];
    const news = rows.map(newsOf).filter(Boolean);
    const fresh = news.filter((one) => one.what === "new").length;
    const others = news.length - fresh;
    const what = [fresh && tn("board.new", fresh, count(fresh)), others && tn("board.changed", others, count(others))].filter(Boolean);
    const time = lookedAt() === null ? "" : clock(lookedAt());
    const sentence = what.length ? t("board.since", { what: what.join(", "), time }) : t("board.nothing_since", { time });
    const seen = () => { markAllSeen(rows, room.now); this.#rows.clear(); this.#apply(); };
    return el("p", { class: "news-line" },
      lookedAt() !== null && el("span", { title: utc(lookedAt()) }, sentence),
      what.length > 0 && el("button", { type: "button", class: "quiet", on: { click: seen } }, t("board.seen")));
  }

  #drawOpenGroups() {
    const groups = room.open.map((one) => el("li", {},
      el("p", { class: "group" }, el("span", { class: "tag" }, named("kind", one.kind)), " ",
        el("strong", {}, withSlots(one.template ?? one.subject))),
      el("p", {}, said(one)),
      el("p", { class: "small" }, `${t("board.accounts")} ${count(one.accounts)} · `,
        el("span", { title: `${utc(one.start)} – ${utc(one.end)}` }, fromTo(one.start, one.end)))));
    const isTold = room.me?.mode !== "file";
    this.aside.replaceChildren(
      el("h2", { id: "open-groups" }, t("board.open_groups"), " ", isTold && el("span", { class: "how-many" }, count(room.open.length))),
      el("p", { class: "small" }, t("board.open_groups_why")),
      groups.length ? el("ul", {}, groups) : el("p", {}, t(isTold ? "board.open_groups_none" : "board.open_groups_not_told")));
  }

  // --- filters

  #controls() {
    this.controls = el("form", { class: "filters", role: "search", "aria-label": t("board.filters"), on: { submit: (event) => event.preventDefault() } });
    this.#redrawControls();
    return this.controls;
  }

  #redrawControls() {
    const { filters } = this;
    this.search = el("input", { type: "search", id: "search", value: filters.words, placeholder: t("board.search_hint"), "aria-label": t("board.search"), autocomplete: "off", spellcheck: "false",
      on: { input: () => this.#filter({ words: this.search.value.trim() }) } });
    const wide = matchMedia("(min-width: 48rem)").matches;
    const detectors = [...new Set([...room.cases.values()].flatMap((row) => row.detectors))].sort();
    this.controls.replaceChildren(
      el("div", { class: "search" }, this.search, el("kbd", { "aria-hidden": "true" }, "/")),
      el("details", { open: wide, class: "more-filters" }, el("summary", {}, t("board.filters")),
        el("div", { class: "choices" },
          el("div", { class: "switches", role: "group", "aria-label": t("board.order.severity") },
            SEVERITIES.map((name) => this.#switch(marks.severity(name), () => this.filters.severities.includes(name), (on) =>
              ({ severities: SEVERITIES.filter((one) => one === name ? on : this.filters.severities.includes(one)) })))),
          this.#switch(t("board.only_changed"), () => this.filters.changed, (changed) => ({ changed })),
          this.#switch(t("board.only_watched"), () => this.filters.watched, (watched) => ({ watched })),
          this.#select("board.state", STATES.map((one) => [one, t(`board.state.${one}`)]), "state"),
          this.#select("board.detector", [["", t("board.detector.all")], ...detectors.map((one) => [one, named("detector", one)])], "detector"),
          this.#select("board.order", ORDERS.map((one) => [one, t(`board.order.${one}`)]), "order"))),
      this.shown);
  }

  #switch(label, isOn, filtersFor) {
    const button = el("button", { type: "button", class: "switch", "aria-pressed": String(isOn()), on: { click: () => {
      this.#filter(filtersFor(!isOn()));
      button.setAttribute("aria-pressed", String(isOn()));
    } } }, label);
    return button;
  }

  #select(label, options, name) {
    const chosen = (event) => this.#filter({ [name]: event.target.value });
    return el("label", { class: "select" }, el("span", {}, t(label)),
      el("select", { on: { change: chosen } },
        options.map(([value, words]) => el("option", { value, selected: this.filters[name] === value }, words))));
  }

  #filter(change) {
    Object.assign(this.filters, change);
    rememberBoard(toQuery(this.filters));
    this.#apply();
  }
}

function newSection(name) {
  const heading = name === "all"
    ? el("h2", { class: "hidden-text", id: "part-all" }, t("board.list"))
    : el("h2", { id: `part-${name}` }, marks.severity(name), " ", el("span", { class: "how-many" }), " ", el("span", { class: "means" }, t(`severity.${name}.means`)));
  return el("section", { "data-part": name, "aria-labelledby": `part-${name}` }, heading, el("ol", { class: "rows" }));
}

const columnHeads = () =>
  el("div", { class: "heads", "aria-hidden": "true" }, el("span", {}), el("span", {}), el("span", {}, t("board.accounts")),
    el("span", {}, t("board.posts")), el("span", { class: "noted", title: t("board.minutes_title") }, t("board.minutes")), el("span", {}, t("board.when")));
