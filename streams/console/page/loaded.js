// A view that is one answer of the server, drawn again when the room says that it changed.

import { get } from "./api.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";
import { room } from "./room.js";
import { failed, loading } from "./states.js";

const AT_MOST_EVERY_MS = 2000;

/** `draw` makes the content from the answer; `on` names the event of the room after which it is asked again. */
export function loadedView({ title, lead = null, path, draw, on = null, waiting = undefined }) {
  const ears = new AbortController();
  const content = el("div", { class: "loaded" }, loading(waiting));
  let again = null;
  const load = async () => {
    again = null;
    try {
      const answer = await get(path);
      if (!ears.signal.aborted && !content.contains(document.activeElement)) content.replaceChildren(...[draw(answer)].flat(Infinity).filter(Boolean));
    } catch (error) {
      content.replaceChildren(failed(error, load));
    }
  };
  if (on) room.addEventListener(on, () => { again ??= setTimeout(load, AT_MOST_EVERY_MS); }, { signal: ears.signal });
  load();
  const element = el("div", { class: "page" }, el("h1", {}, t(title)), lead && el("p", { class: "lead" }, t(lead)), content);
  return { title: t(title), element, leave: () => { ears.abort(); clearTimeout(again); } };
}
