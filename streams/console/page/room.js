// What this browser knows of the room: the cases, the time, the connection. Views listen to its events.
//   "cases"       detail: ids that changed      "open"   open coordination changed
//   "now"         time went on, or health       "top"    the tables changed
//   "connection"  live, lost, connecting        "signed-out"

import { get, Refused } from "./api.js";

const RETRY_MS = 2000;
const SILENCE_MS = 15_000; // the server speaks at least every 5 s

class Room extends EventTarget {
  me = null;
  cases = new Map();
  open = [];
  now = null;
  wall = null;
  ended = false;
  health = null;
  connection = "connecting";
  loaded = false;
  #stream = null;
  #watchdog = null;

  connect() {
    this.disconnect();
    const stream = new EventSource("/api/events");
    this.#stream = stream;
    // The browser, too, has an event of the name "open": it is no message.
    stream.addEventListener("open", (event) => { if (!(event instanceof MessageEvent)) this.#refetch(); });
    stream.onerror = () => this.#lost();
    this.#hear(stream, "case", (row) => this.#take([row]));
    this.#hear(stream, "open", (groups) => { this.open = groups; this.#tell("open"); });
    this.#hear(stream, "reset", () => { this.#refetch(); this.#tell("top"); });
    this.#hear(stream, "top", () => this.#tell("top"));
    this.#hear(stream, "now", (time) => { Object.assign(this, time); this.#tell("now"); });
  }

  disconnect() {
    this.#stream?.close();
    this.#stream = null;
    clearTimeout(this.#watchdog);
  }

  #hear(stream, name, heard) {
    stream.addEventListener(name, (event) => {
      if (!(event instanceof MessageEvent)) return;
      this.#alive();
      heard(JSON.parse(event.data));
    });
  }

  /** Everything again: what was missed while nobody was connected is in it. */
  async #refetch() {
    try {
      const board = await get("/api/board");
      this.now = board.now;
      this.wall = board.wall;
      this.ended = board.ended;
      this.open = board.open;
      const gone = new Set(this.cases.keys());
      for (const row of board.cases) gone.delete(row.case_id);
      for (const id of gone) this.cases.delete(id);
      this.loaded = true;
      this.#alive();
      this.#take(board.cases, [...gone]);
      this.#tell("open");
      this.#tell("now");
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#tell("signed-out");
      else this.#lost();
    }
  }

  #take(rows, gone = []) {
    const changed = [...gone];
    for (const row of rows) {
      const known = this.cases.get(row.case_id);
      if (known && known.revision > row.revision) continue;
      if (row.status === "merged") this.cases.delete(row.case_id);
      else this.cases.set(row.case_id, row);
      changed.push(row.case_id);
    }
    this.#tell("cases", changed);
  }

  #alive() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#lost(), SILENCE_MS);
    this.#become("live");
  }

  #lost() {
    this.disconnect();
    this.#become("lost");
    this.#watchdog = setTimeout(() => this.connect(), RETRY_MS);
  }

  #become(connection) {
    if (this.connection === connection) return;
    this.connection = connection;
    this.#tell("connection");
  }

  #tell(name, detail = null) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

export const room = new Room();

export const isOpen = (row) => row.status === "open" || row.status === "updated";
