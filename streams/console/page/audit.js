// Who answered what: for analysts.

import { el } from "./dom.js";
import { dayAndMinute, utc } from "./format.js";
import { named, t } from "./i18n.js";
import { loadedView } from "./loaded.js";
import { link } from "./route.js";
import { empty } from "./states.js";
import { table } from "./table.js";

export const auditView = () => loadedView({ title: "audit.title", lead: "audit.lead", path: "/api/audit", draw, on: "cases" });

const draw = ({ rows }) => rows.length === 0 ? empty(t("audit.empty"))
  : table(t("audit.title"), ["at", "who", "what", "case", "reason"].map((key) => t(`audit.${key}`)), rows.map((one) => [
    el("time", { datetime: one.at, title: utc(one.at) }, dayAndMinute(one.at)),
    one.who ?? "–", named("done", one.what),
    one.case_id ? el("a", { href: link("case", one.case_id) }, el("code", {}, one.case_id)) : "–", one.reason ?? "",
  ]));
