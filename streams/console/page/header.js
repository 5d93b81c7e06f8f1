// The head of every view: where one is, whether it is live, and whether it can be trusted.

import { post } from "./api.js";
import { el } from "./dom.js";
import { clock, day, secondsBetween, span, utc } from "./format.js";
import { t } from "./i18n.js";
import * as marks from "./marks.js";
import { language, setLanguage, setTheme, theme, THEMES } from "./preferences.js";
import { room } from "./room.js";

const VIEWS = ["board", "hashtags", "links", "sources", "targets", "texts", "sponsors", "lists", "health"];
const RECORDED_S = 3600; // further behind than that, it is a replay of old posts

export class Header {
  /** `redraw` draws the whole page again; `help` opens the list of keys. */
  constructor(element, banner, redraw, help) {
    this.element = element;
    this.banner = banner;
    this.redraw = redraw;
    this.help = help;
    // What sticks below it, and what is scrolled to, has to know how tall it is.
    const top = element.parentElement;
    new ResizeObserver(() => document.documentElement.style.setProperty("--top", `${top.offsetHeight}px`)).observe(top);
    for (const name of ["connection", "now"]) room.addEventListener(name, () => this.tell());
  }

  draw(current) {
    const views = room.me?.role === "analyst" ? [...VIEWS, "audit"] : VIEWS;
    this.live = el("div", { class: "live" });
    this.element.replaceChildren(
      el("a", { class: "brand", href: "#/" }, el("img", { src: "/page/icon.svg", alt: "", width: 26, height: 26 }), "Vigie"),
      el("nav", { "aria-label": t("nav.label") },
        views.map((name) => el("a", { href: name === "board" ? "#/" : `#/${name}`, "aria-current": name === current ? "page" : null }, t(`nav.${name}`)))),
      this.live,
      el("div", { class: "tools" }, this.#tools()));
    this.tell();
    this.element.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  /** The figures of now, in place. */
  tell() {
    const state = room.ended && room.connection === "live" ? "ended" : room.connection;
    this.live?.replaceChildren(
      el("span", { class: `pulse ${state}` }, t(`live.${state}`)),
      room.now && el("span", { class: "judged", title: utc(room.now) }, t("live.judged", { time: clock(room.now) }), this.#behind()),
      room.health && el("a", { class: "trust", href: "#/health" }, marks.trust(room.health)));
    document.body.dataset.connection = room.connection;
    this.#tellBanner(state);
  }

  #behind() {
    if (!room.wall) return "";
    const seconds = secondsBetween(room.now, room.wall);
    return el("span", { class: "behind" }, " · ", seconds > RECORDED_S ? t("live.recorded", { day: day(room.now) }) : t("live.behind", { span: span(seconds) }));
  }

  #tellBanner(state) {
    const words = state === "lost" ? (room.now ? t("live.lost_long", { time: clock(room.now) }) : t("live.lost_never"))
      : state === "ended" ? t("live.ended_long") : "";
    this.banner.className = state;
    if (this.banner.textContent !== words) this.banner.textContent = words;
  }

  #tools() {
    const turn = () => {
      setTheme(THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
      this.draw(this.element.querySelector("[aria-current]")?.hash.slice(2) || "board");
      this.element.querySelector(".theme").focus();
    };
    const other = language() === "fr" ? "en" : "fr";
    const leave = async () => { await post("/api/sign-out", {}); location.reload(); };
    const themed = t("head.theme", { theme: t(`theme.${theme()}`) });
    return [
      el("button", { type: "button", class: "quiet", lang: other, on: { click: () => { setLanguage(other); this.redraw(); } } }, t("head.language")),
      el("button", { type: "button", class: "quiet icon theme", title: themed, "aria-label": themed, on: { click: turn } },
        { auto: "◐", light: "○", dark: "●" }[theme()]),
      el("button", { type: "button", class: "quiet icon", title: t("head.keys"), "aria-label": t("head.keys"), on: { click: this.help } }, "?"),
      room.me?.required && room.me.name && el("span", { class: "who" }, t("head.role", { name: room.me.name, role: t(`role.${room.me.role}`) })),
      room.me?.required && el("button", { type: "button", class: "quiet", on: { click: leave } }, t("head.sign_out")),
    ];
  }
}
