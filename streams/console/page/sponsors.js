// Promoted posts by payer, with running totals.

import { el } from "./dom.js";
import { count, day, money, utc } from "./format.js";
import { t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import * as marks from "./marks.js";
import { empty } from "./states.js";
import { table } from "./table.js";

export const sponsorsView = () => loadedView({ title: "sponsors.title", lead: "sponsors.lead", path: "/api/sponsors", draw, on: "top" });

function draw({ rows, counted = true }) {
  if (!rows.length) return empty(t(counted ? "sponsors.empty" : "sponsors.not_counted"));
  const heads = ["sponsors.payer", "board.posts", "sponsors.pages", "sponsors.spend", "sponsors.impressions", "sponsors.banned", "sponsors.breaches"].map((key) => t(key));
  const all = table(t("sponsors.title"), heads, rows.map((one) => [
    [el("strong", {}, one.payer), one.named === false && el("span", { class: "small block" }, t("sponsors.unnamed"))], count(one.posts), count(one.pages),
    one.spend.map((sum) => el("span", { class: "block" }, money(sum))), count(one.impressions),
    one.banned_since ? el("time", { datetime: one.banned_since, title: utc(one.banned_since) }, day(one.banned_since)) : "–",
    one.breaches ? el("span", { class: "mark critical" }, marks.shape("critical"), count(one.breaches)) : "0",
  ]), { numbers: [1, 2, 3, 4] });
  return counted ? all : [el("p", {}, t("sponsors.breaches_only")), all];
}
