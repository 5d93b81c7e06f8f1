// The room's lists, and what the accounts on them push.

import { el } from "./dom.js";
import { count, percent } from "./format.js";
import { named, t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import { link } from "./route.js";
import { empty } from "./states.js";
import { table } from "./table.js";

export const listsView = () => loadedView({ title: "lists.title", lead: "lists.lead", path: "/api/lists", draw, on: "top" });

const draw = ({ lists, pushed }) => [
  lists.length ? table(t("lists.title"), [t("lists.name"), t("lists.version"), t("lists.entries"), t("lists.kinds")], lists.map((one) => [
    el("strong", {}, one.name), el("code", {}, one.version ?? "–"), count(one.entries),
    Object.entries(one.kinds).map(([kind, n]) => el("span", { class: "tag" }, `${named("kind", kind)} ${count(n)}`)),
  ]), { numbers: [2] }) : empty(t("lists.none")),
  el("h2", {}, t("lists.pushed")),
  pushed.length ? table(t("lists.pushed"), [t("top.value"), t("lists.share"), t("board.accounts"), t("board.posts"), t("top.state")], pushed.map((one) => [
    [el("span", { class: "tag" }, named("kind", one.kind)), " ", el("a", { href: link("explain", one.kind, one.value) }, one.kind === "hashtag" ? `#${one.value}` : one.value)],
    percent(one.share), count(one.accounts), count(one.posts), el("a", { class: "small", href: link("case", one.case_id) }, t("top.case")),
  ]), { numbers: [1, 2, 3] }) : el("p", {}, t("lists.none_pushed")),
];
