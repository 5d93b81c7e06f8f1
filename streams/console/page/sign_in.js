// Who comes in, by a token of the operator's.

import { signIn } from "./api.js";
import { el } from "./dom.js";
import { t } from "./i18n.js";

export function signInView(signedIn) {
  const token = el("input", { type: "password", id: "token", required: true, autocomplete: "current-password" });
  const problem = el("p", { class: "problem", role: "alert" });
  const go = async (event) => {
    event.preventDefault();
    try {
      await signIn(token.value.trim());
      signedIn();
    } catch (error) {
      problem.textContent = error.message;
      token.select();
    }
  };
  const element = el("div", { class: "page sign-in" }, el("h1", {}, t("sign_in.title")), el("p", { class: "lead" }, t("sign_in.lead")),
    el("form", { on: { submit: go } }, el("label", { for: "token" }, t("sign_in.token")), token, problem,
      el("button", { type: "submit", class: "strong" }, t("sign_in.go"))));
  return { element, title: t("sign_in.title") };
}
