// Runs before anything is drawn, so that the page never flashes in the other theme.
(() => {
  const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const root = document.documentElement;
  root.dataset.theme = stored("vigie.theme") ?? "auto";
  const french = (navigator.language ?? "en").toLowerCase().startsWith("fr");
  root.lang = stored("vigie.language") ?? (french ? "fr" : "en");
})();
