// Deep links by hash: #/case/ID, #/hashtags, #/explain/hashtag/VALUE, with a query after "?".

export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { name: parts[0] ?? "board", rest: parts.slice(1), query: new URLSearchParams(query) };
}

export const link = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

let board = "#/";

/** Where the board was left, with its filters. */
export const boardLink = () => board;

/** Write the filters of the board into the address, without a new entry in the history. */
export function rememberBoard(query) {
  const written = query.toString();
  board = written ? `#/?${written}` : "#/";
  history.replaceState(history.state, "", board);
}

function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}
