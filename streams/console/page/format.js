// Numbers, shares, times and ages as a person of either language reads them.

import { language } from "./preferences.js";
import { t } from "./i18n.js";

const cache = new Map();

function intl(kind, options) {
  const key = `${kind.name} ${language()} ${JSON.stringify(options)}`;
  if (!cache.has(key)) cache.set(key, new kind(language() === "fr" ? "fr-FR" : "en-GB", options));
  return cache.get(key);
}

export const NOTHING = "–";

export const count = (n) => n === null || n === undefined ? NOTHING : intl(Intl.NumberFormat, {}).format(n);

export const measure = (n) =>
  n === null || n === undefined ? NOTHING : intl(Intl.NumberFormat, { maximumSignificantDigits: n >= 1000 ? 6 : 3 }).format(n);

export const percent = (share) => {
  if (share === null || share === undefined) return NOTHING;
  const digits = share > 0 && share < 0.01 ? 1 : 0;
  return intl(Intl.NumberFormat, { style: "percent", maximumFractionDigits: digits }).format(share);
};

export const money = ({ currency, amount }) => {
  try {
    return intl(Intl.NumberFormat, { style: "currency", currency, maximumFractionDigits: 0 }).format(amount);
  } catch { // Whatever the archive wrote there need not be a currency.
    return `${count(amount)} ${currency}`;
  }
};

/** A p-value: exact to one digit where it is readable, a bound where it is tiny. */
export const chance = (p) => {
  if (p === null || p === undefined) return NOTHING;
  if (p < 0.001) return `<\u202f${intl(Intl.NumberFormat, { minimumFractionDigits: 3 }).format(0.001)}`;
  return intl(Intl.NumberFormat, { maximumFractionDigits: 3 }).format(p);
};

export const clock = (time) => intl(Intl.DateTimeFormat, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(time));

export const minute = (time) => intl(Intl.DateTimeFormat, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(time));

export const day = (time) => intl(Intl.DateTimeFormat, { day: "numeric", month: "short", year: "numeric" }).format(new Date(time));

/** The same moment in UTC, for titles: what a report or a colleague elsewhere needs. */
export const utc = (time) => `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export const dayAndMinute = (time) => `${day(time)} ${minute(time)}`;

/** A stretch of time, with the day where it begins and ends on different ones. */
export const fromTo = (start, end) =>
  day(start) === day(end) ? `${minute(start)} – ${minute(end)}` : `${dayAndMinute(start)} – ${dayAndMinute(end)}`;

/** Seconds as the one unit that says enough: 40 s, 12 min, 3 h, 5 d. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return `${s}\u00a0s`;
  if (s < 90 * 60) return `${Math.round(s / 60)}\u00a0min`;
  if (s < 36 * 3600) return `${Math.round(s / 3600)}\u00a0h`;
  return `${count(Math.round(s / 86400))}\u00a0${t("unit.days")}`;
}

export const secondsBetween = (earlier, later) => (Date.parse(later) - Date.parse(earlier)) / 1000;

const JUST_NOW_S = 10;

export function ago(time, now) {
  const seconds = secondsBetween(time, now);
  return seconds < JUST_NOW_S ? t("time.now") : t("time.ago", { span: span(seconds) });
}

/** A sentence in the reader's language; some of the server's are in one language only. */
export const said = (sentence) =>
  sentence === null || sentence === undefined ? "" : typeof sentence === "string" ? sentence : sentence[language()] ?? sentence.en ?? "";

/** A sentence of `vigie explain`, which has the French one beside it under the same name. */
export const saidOf = (one, name) => (language() === "fr" ? one[`${name}_fr`] : null) ?? one[name];

/** "What (12 accounts, 30 posts)" and the reasons after it, of a case's one sentence. */
export function halves(summary) {
  const cut = /^([\s\S]*?)\s*\([\d\s.,\u00a0\u202f]+(?:accounts?|comptes?)\b[^)]*\)[\s\u00a0\u202f]*:[\s\u00a0]*([\s\S]*)$/.exec(summary);
  if (!cut) return { what: summary, why: "" };
  return { what: cut[1], why: cut[2].charAt(0).toUpperCase() + cut[2].slice(1) };
}
