// The page: asks who is there, then shows the view that the address names.

import { whoAmI } from "./api.js";
import { auditView } from "./audit.js";
import { boardView } from "./board.js";
import { caseView } from "./case.js";
import { dialogOpen, showKeys } from "./dialogs.js";
import { el } from "./dom.js";
import { explainView } from "./explain.js";
import { Header } from "./header.js";
import { healthView } from "./health.js";
import { t } from "./i18n.js";
import { listsView } from "./lists.js";
import { shortcutsOn } from "./preferences.js";
import { boardLink, parse } from "./route.js";
import { room } from "./room.js";
import { signInView } from "./sign_in.js";
import { sponsorsView } from "./sponsors.js";
import { empty, failed } from "./states.js";
import { topView } from "./top.js";

const VIEWS = {
  board: boardView,
  case: caseView,
  hashtags: topView,
  links: topView,
  sources: topView,
  targets: topView,
  texts: topView,
  explain: explainView,
  sponsors: sponsorsView,
  lists: listsView,
  health: healthView,
  audit: auditView,
};

const main = document.getElementById("main");
const header = new Header(document.getElementById("header"), document.getElementById("connection"), show, showKeys);
let view = null;
let shownHash = null;

function show() {
  const route = parse(location.hash);
  const moved = shownHash !== null && shownHash !== location.hash;
  shownHash = location.hash;
  const left = { hash: view?.hash, scroll: scrollY };
  view?.leave?.();
  view = room.me?.signed_in === false && room.me.required ? signInView(start)
    : VIEWS[route.name]?.(route) ?? { element: empty(t("state.not_found")), title: t("state.not_found") };
  document.getElementById("skip").textContent = t("skip");
  document.title = `${view.title} · Vigie`;
  header.draw(route.name === "case" ? "board" : route.name);
  main.replaceChildren(view.element);
  if (moved && left.hash !== location.hash) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
}

async function start() {
  try {
    room.me = await whoAmI();
    if (room.me.signed_in || !room.me.required) room.connect();
    show();
  } catch (error) {
    main.replaceChildren(failed(error, start));
  }
}

function pressed(event) {
  const typing = event.target.closest?.("input, textarea, select") !== null && event.target !== document;
  if (event.ctrlKey || event.metaKey || event.altKey || dialogOpen()) return;
  if (event.key !== "Escape" && (typing || !shortcutsOn())) return;
  if (view?.key?.(event.key)) event.preventDefault();
  else if (event.key === "?") showKeys(), event.preventDefault();
  else if (event.key === "Escape" && parse(location.hash).name !== "board") location.hash = boardLink();
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address names the view
  main.focus();
});
addEventListener("hashchange", show);
addEventListener("keydown", pressed);
room.addEventListener("signed-out", () => { room.disconnect(); start(); });
start();
