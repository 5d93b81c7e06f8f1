// What changed since this person last looked: the revision of each case when it was marked as seen, in this browser.

import { store, stored } from "./preferences.js";

const GRAVITY = { notice: 0, warning: 1, critical: 2 };

let looked = read();

function read() {
  try {
    const kept = JSON.parse(stored("looked"));
    return kept && typeof kept.seen === "object" && kept.seen !== null ? kept : null;
  } catch {
    return null;
  }
}

const brief = ({ revision, accounts, severity, status }) => ({ revision, accounts, severity, status });

export const lookedAt = () => looked?.at ?? null;

/** The first look of this browser: all that is there counts as seen. */
export function firstLook(rows, now) {
  if (looked === null) markAllSeen(rows, now);
}

export function markAllSeen(rows, now) {
  looked = { at: now, seen: Object.fromEntries(rows.map((row) => [row.case_id, brief(row)])) };
  store("looked", JSON.stringify(looked));
}

export function markSeen(row) {
  if (looked === null) return;
  looked.seen[row.case_id] = brief(row);
  store("looked", JSON.stringify(looked));
}

/** What is new of a case: null, or {what, more}, the most important change first. */
export function newsOf(row) {
  const seen = looked?.seen[row.case_id];
  if (looked === null) return null;
  if (!seen) return { what: "new", more: 0 };
  if (seen.revision >= row.revision) return null;
  const more = row.accounts - seen.accounts;
  if (GRAVITY[row.severity] > GRAVITY[seen.severity]) return { what: "severer", more };
  if (seen.status !== row.status && !(seen.status === "open" && row.status === "updated")) return { what: "status", more };
  return { what: more > 0 ? "accounts" : "changed", more };
}
