// Empty, loading and error, each said in words.

import { el } from "./dom.js";
import { t } from "./i18n.js";

export const loading = (words = t("state.loading")) =>
  el("p", { class: "state loading", role: "status" }, el("span", { class: "dots", "aria-hidden": "true" }), `${words}…`);

export const empty = (words, more = null) =>
  el("div", { class: "state empty" }, el("p", { class: "state-words" }, words), typeof more === "string" ? el("p", {}, more) : more);

export const failed = (error, again) =>
  el("div", { class: "state failed", role: "alert" },
    el("p", { class: "state-words" }, t("state.error", { why: error.message })),
    again && el("button", { type: "button", on: { click: again } }, t("state.again")));
