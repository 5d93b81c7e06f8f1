// Elements from code. Texts become text nodes, never markup: whatever a post says stays what it says.

const SVG = "http://www.w3.org/2000/svg";

export const el = (tag, attributes, ...children) => made(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) =>
  made(document.createElementNS(SVG, tag), attributes, children);

function made(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else {
      node.setAttribute(name, value === true ? "" : value);
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const hidden = (text) => el("span", { class: "hidden-text" }, text);

/** Say it to who listens to the page; the same words twice in a row are said twice. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = said.textContent === text ? `${text}\u00a0` : text;
}

/** A link to the network, or plain text: only addresses that a browser opens as a page. */
export function outside(url, ...children) {
  if (!/^https:\/\//.test(url ?? "")) return el("span", {}, ...children);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer", class: "outside" }, ...children);
}

/** A text with its variable places, {number} or {@target}, set apart. */
export function withSlots(text) {
  return text.split(/(\{@?[a-z]+\})/).map((part, place) =>
    place % 2 ? el("span", { class: "slot" }, part.slice(1, -1)) : part);
}
