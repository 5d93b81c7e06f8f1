// Which cases the board shows, and in which order.

import { newsOf } from "./looked.js";
import { isOpen } from "./room.js";

export const SEVERITIES = ["critical", "warning", "notice"];
export const STATES = ["open", "answered", "closed", "all"];
export const ORDERS = ["severity", "relevance", "changed", "first"];

const gravity = (row) => SEVERITIES.indexOf(row.severity);
const relevance = (row) => -(row.relevance ?? 0);
const youngest = (name) => (row) => -Date.parse(row[name]);

const BY = {
  severity: [gravity, relevance, (row) => -row.score, youngest("changed")],
  relevance: [relevance, gravity, (row) => -row.score, youngest("changed")],
  changed: [youngest("changed"), gravity, relevance],
  first: [youngest("first_seen"), gravity, relevance],
};

export const NO_FILTERS = { words: "", state: "open", severities: [...SEVERITIES], detector: "", changed: false, watched: false, order: "severity" };

export function inOrder(rows, order) {
  const keys = BY[order] ?? BY.severity;
  const keyed = rows.map((row) => [keys.map((key) => key(row)), row]);
  keyed.sort(([a, one], [b, other]) => {
    const differs = a.findIndex((value, place) => value !== b[place]);
    return differs < 0 ? (one.case_id < other.case_id ? -1 : 1) : a[differs] - b[differs];
  });
  return keyed.map(([, row]) => row);
}

export const passes = (row, filters) =>
  inState(row, filters.state)
  && filters.severities.includes(row.severity)
  && (!filters.detector || row.detectors.includes(filters.detector))
  && (!filters.changed || newsOf(row) !== null)
  && (!filters.watched || (row.relevance ?? 0) > 0)
  && has(row, filters.words);

function inState(row, state) {
  if (state === "all") return true;
  if (state === "answered") return row.verdict !== null;
  if (state === "closed") return row.status === "closed";
  return isOpen(row);
}

function has(row, words) {
  if (!words) return true;
  const text = plain([row.case_id, row.summary.en, row.summary.fr, ...row.subjects.map((one) => one.value), ...(row.watched ?? [])].join(" "));
  return plain(words).split(/\s+/).every((word) => text.includes(word));
}

/** Lower case and without accents, as people type when they are in a hurry. */
const plain = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

export function fromQuery(query) {
  const among = (name, allowed, otherwise) => allowed.includes(query.get(name)) ? query.get(name) : otherwise;
  return {
    words: query.get("q") ?? "",
    state: among("state", STATES, NO_FILTERS.state),
    severities: query.has("severity") ? SEVERITIES.filter((one) => query.getAll("severity").includes(one)) : [...SEVERITIES],
    detector: query.get("as") ?? "",
    changed: query.has("changed"),
    watched: query.has("watched"),
    order: among("order", ORDERS, NO_FILTERS.order),
  };
}

export function toQuery(filters) {
  const query = new URLSearchParams();
  if (filters.words) query.set("q", filters.words);
  if (filters.state !== NO_FILTERS.state) query.set("state", filters.state);
  if (filters.severities.length < SEVERITIES.length) for (const one of filters.severities) query.append("severity", one);
  if (filters.detector) query.set("as", filters.detector);
  if (filters.changed) query.set("changed", "1");
  if (filters.watched) query.set("watched", "1");
  if (filters.order !== NO_FILTERS.order) query.set("order", filters.order);
  return query;
}
