// What the page asks the server. An error carries the sentence that the server gave.

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

let csrf = null;

export async function get(path) {
  return answer(await fetch(path, { headers: { accept: "application/json" }, credentials: "same-origin" }));
}

export async function post(path, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  const request = { method: "POST", headers, credentials: "same-origin", body: JSON.stringify(body) };
  return answer(await fetch(path, request));
}

export async function whoAmI() {
  return known(await get("/api/me"));
}

export async function signIn(token) {
  return known(await post("/api/sign-in", { token }));
}

function known(me) {
  csrf = me.csrf;
  return me;
}

async function answer(response) {
  const text = await response.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* A proxy may answer with a page of its own. */ }
  if (response.ok && body !== null) return body;
  throw new Refused(response.status, body?.error ?? `HTTP ${response.status}`);
}
