// What script adds to pages that work without it: results as one types, and keys.
"use strict";

(() => {
  const box = document.getElementById("q");
  const main = document.getElementById("main");
  const said = document.getElementById("said"); // what a screen reader hears of new results
  const pause = 120; // milliseconds without a key before asking
  let shown = location.pathname + location.search;
  let timer = 0;
  let asking = null;

  const show = async (query) => {
    if (asking) asking.abort();
    asking = new AbortController();
    const params = new URLSearchParams({ q: query, fragment: "1", typing: "1" });
    let html;
    try {
      const answer = await fetch(`/search?${params}`, { signal: asking.signal });
      if (!answer.ok) return;
      html = await answer.text();
    } catch {
      return; // a newer question is on its way, or the server is gone: Enter still works
    }
    main.innerHTML = html;
    // The address says that the last word may be unfinished, so that it shows the same again.
    const address = query ? `/search?${new URLSearchParams({ q: query, typing: "1" })}` : "/search";
    const change = location.pathname === "/search" ? "replaceState" : "pushState";
    history[change](null, "", address);
    shown = address;
    document.title = main.firstElementChild.dataset.title;
    said.textContent = main.firstElementChild.dataset.said;
    document.querySelector("[name=back]").value = address;
    document.querySelector(".sections [aria-current]")?.removeAttribute("aria-current");
    document.querySelector(".to-search").setAttribute("aria-current", "page");
    at = -1;
  };

  box.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => show(box.value.trim()), pause);
  });
  box.form.addEventListener("submit", () => clearTimeout(timer));
  addEventListener("popstate", () => {
    // Also said when a link leads to a place on the page, which is there already.
    if (location.pathname + location.search !== shown) location.reload();
  });

  // Keys move through the list on the page; they never act while one writes, nor where the
  // reader has no use for them.
  const hasKeys = document.documentElement.dataset.keys === "on";
  let at = -1;
  const entries = () => [...document.querySelectorAll(".entry")];
  const go = (step) => {
    const all = entries();
    if (!all.length) return;
    at = Math.min(Math.max(at + step, 0), all.length - 1);
    all[at].querySelector("h3 a").focus();
    all[at].scrollIntoView({ block: "nearest" });
  };
  const current = () => document.activeElement.closest(".entry");
  const keys = {
    "/": () => { box.focus(); box.select(); },
    j: () => go(1),
    k: () => go(-1),
    o: () => current()?.querySelector("h3 a").click(),
    e: () => current()?.querySelector("details.text > summary")?.click(),
  };
  addEventListener("keydown", (event) => {
    const writing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && writing === box) box.blur();
    if (!hasKeys || writing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  addEventListener("focusin", (event) => {
    const entry = event.target.closest(".entry");
    if (entry) at = entries().indexOf(entry);
  });
  document.querySelector(".keys").hidden = !hasKeys;
})();
