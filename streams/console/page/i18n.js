// Every word of the page, in English and French. {name} is filled in; keys that end in .one and .other are numbers.

import { language } from "./preferences.js";
import { EN } from "./words_en.js";
import { FR } from "./words_fr.js";

export const WORDS = { en: EN, fr: FR };

export function t(key, values = {}) {
  const words = WORDS[language()][key];
  if (words === undefined) return key; // seen at once, and by the tests
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The words for so many: tn("board.new", 1, "1") is of the key board.new.one. */
export function tn(key, number, shown, values = {}) {
  const one = new Intl.PluralRules(language()).select(number) === "one";
  return t(`${key}.${one ? "one" : "other"}`, { ...values, n: shown });
}

/** The name of something that the server knows by a code; codes of a later version show as they are. */
export function named(kind, code) {
  return WORDS[language()][`${kind}.${code}`] ?? String(code).replaceAll("_", " ");
}
