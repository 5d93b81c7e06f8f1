// The two dialogs: the list of keys, and the answer to a case with its reason.

import { post } from "./api.js";
import { el } from "./dom.js";
import { halves, said } from "./format.js";
import { t } from "./i18n.js";
import { setShortcuts, shortcutsOn } from "./preferences.js";
import { room } from "./room.js";

const KEYS = [["j", "next"], ["k", "previous"], ["Enter", "open"], ["/", "search"], ["Esc", "escape"], ["?", "help"], ["c", "confirm"], ["d", "dismiss"], ["n", "note"]];
const HOURS = [1, 6, 12, 24];

export const dialogOpen = () => document.querySelector("dialog[open]") !== null;

export function showKeys() {
  const on = el("input", { type: "checkbox", checked: shortcutsOn(), on: { change: () => setShortcuts(on.checked) } });
  const dialog = show("keys", t("keys.title"),
    el("dl", { class: "keys" }, KEYS.map(([key, name]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, t(`keys.${name}`))))),
    el("label", { class: "check" }, on, " ", t("keys.on")),
    el("div", { class: "buttons" }, el("button", { type: "button", on: { click: () => dialog.close() } }, t("keys.close"))));
}

/** Ask for the reason, and send the answer; `sent` is called when the server has taken it. */
export function askAnswer(row, kind, sent) {
  const reason = el("textarea", { id: "reason", rows: 3, required: true, maxlength: 2000, "aria-describedby": "reason-hint" });
  const problem = el("p", { class: "problem", role: "alert" });
  const send = async (event) => {
    event.preventDefault();
    if (!reason.value.trim()) {
      problem.textContent = t("answer.needed");
      return reason.focus();
    }
    const hours = Number(new FormData(event.target).get("hours") ?? 0);
    go.disabled = true;
    try {
      await post(`/api/cases/${encodeURIComponent(row.case_id)}/verdict`, { kind, reason: reason.value.trim(), until: untilAfter(hours) });
      dialog.close();
      sent();
    } catch (error) {
      go.disabled = false;
      problem.textContent = t("answer.failed", { why: error.message });
    }
  };
  const go = el("button", { type: "submit", class: `strong ${kind}` }, t(ANSWERS[kind]));
  const dialog = show("answer", t(`answer.${kind}.title`),
    el("p", { class: "about" }, halves(said(row.summary)).what),
    el("p", {}, t(`answer.${kind}.means`)),
    el("form", { novalidate: true, on: { submit: send } },
      el("label", { for: "reason" }, t("answer.reason")), reason,
      el("p", { class: "small", id: "reason-hint" }, t("answer.reason_hint")),
      kind === "dismissed" && el("fieldset", {}, el("legend", {}, t("answer.for")),
        [0, ...HOURS].map((hours) => el("label", { class: "check" },
          el("input", { type: "radio", name: "hours", value: hours, checked: hours === 0 }), " ", t(hours ? `answer.for.${hours}` : "answer.for.good")))),
      problem,
      el("div", { class: "buttons" },
        el("button", { type: "button", on: { click: () => dialog.close() } }, t("answer.cancel")), go)));
  reason.focus();
}

const ANSWERS = { confirmed: "case.confirm", dismissed: "case.dismiss", note: "case.note" };

/** A dismissal ends by event time, as everything that is judged. */
function untilAfter(hours) {
  return hours ? new Date(Date.parse(room.now ?? new Date()) + hours * 3_600_000).toISOString() : null;
}

function show(name, title, ...children) {
  const back = document.activeElement;
  const dialog = el("dialog", { class: name, "aria-labelledby": "dialog-title", on: { close: () => { dialog.remove(); back?.focus(); } } },
    el("h2", { id: "dialog-title" }, title), children);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
