// Language and theme of this browser, and a store that may be forbidden.

export function stored(name) {
  try { return localStorage.getItem(`vigie.${name}`); } catch { return null; }
}

export function store(name, value) {
  try { localStorage.setItem(`vigie.${name}`, value); } catch { /* A private window keeps nothing. */ }
}

export const THEMES = ["auto", "light", "dark"];

export const language = () => document.documentElement.lang === "fr" ? "fr" : "en";

export function setLanguage(value) {
  document.documentElement.lang = value;
  store("language", value);
}

export const theme = () => document.documentElement.dataset.theme;

export function setTheme(value) {
  document.documentElement.dataset.theme = value;
  store("theme", value);
}

export const shortcutsOn = () => stored("shortcuts") !== "off";

export const setShortcuts = (on) => store("shortcuts", on ? "on" : "off");

export const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
