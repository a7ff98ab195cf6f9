// What script adds to pages that work without it: results as one types, keys, and suggestions.
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
  // A button of the paper one stands on, of the one paper of the page, or of the page.
  const press = (key) => () => (current() ?? document).querySelector(`button[data-key="${key}"]`)?.click();
  const keys = {
    "/": () => { box.focus(); box.select(); },
    j: () => go(1),
    k: () => go(-1),
    o: () => current()?.querySelector("h3 a").click(),
    e: () => current()?.querySelector("details.text > summary")?.click(),
    ...Object.fromEntries(["u", "s", "d", "m", "x"].map((key) => [key, press(key)])),
    z: () => document.querySelector('.deed button')?.click(),
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

  // What a reader does with a paper is sent without leaving the page: the answer is the page anew,
  // and its list is put in place of the old one. Whatever goes wrong, the form is sent as it is.
  const stand = (paper, key, place) => {
    const all = entries();
    const entry = (paper && document.getElementById(paper)) ?? all[Math.min(place, all.length - 1)];
    at = entry ? all.indexOf(entry) : -1;
    const target = entry?.querySelector(`button[data-key="${key}"]`) ?? entry?.querySelector("h3 a");
    (target ?? main).focus({ preventScroll: true });
    entry?.scrollIntoView({ block: "nearest" });
  };
  addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches(".deeds, .deed")) return;
    event.preventDefault();
    const button = event.submitter;
    const body = new FormData(form, button);
    const entry = form.closest(".entry");
    const place = entry ? entries().indexOf(entry) : 0;
    let answer;
    let html;
    try {
      answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(body) });
      html = await answer.text();
    } catch {
      form.submit();
      return;
    }
    const asked = new URL(answer.url);
    if (answer.ok && asked.pathname !== location.pathname) {
      location.assign(asked.pathname + asked.search); // another page has a question
      return;
    }
    const page = new DOMParser().parseFromString(html, "text/html");
    main.replaceChildren(...page.getElementById("main").childNodes);
    said.textContent = main.querySelector(".deed p")?.textContent ?? "Undone.";
    stand(entry?.id, button?.dataset.key, place);
    watch();
  });

  // What was on the screen for a second is seen; said when the page is left, or hidden.
  const tracks = document.documentElement.dataset.track === "on";
  const seen = new Set();
  const told = new Set();
  const tell = (step, papers) => {
    const body = new URLSearchParams(papers.map((paper) => ["paper", paper]));
    fetch(`/reading/${step}`, { method: "POST", body, keepalive: true }).catch(() => {});
  };
  const timers = new Map();
  const watcher = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      clearTimeout(timers.get(target));
      if (isIntersecting) timers.set(target, setTimeout(() => seen.add(target.dataset.paper), 1000));
    }
  }, { threshold: 0.6 });
  const watch = () => {
    if (tracks) for (const entry of document.querySelectorAll(".entry[data-paper]")) watcher.observe(entry);
  };
  addEventListener("visibilitychange", () => {
    const fresh = [...seen].filter((paper) => !told.has(paper));
    if (document.visibilityState !== "hidden" || !fresh.length) return;
    tell("seen", fresh);
    for (const paper of fresh) told.add(paper);
  });
  watch();
  const opened = document.querySelector("[data-opened]")?.dataset.opened;
  if (tracks && opened) tell("opened", [opened]);
})();

// Suggestions under the search box: a combobox and its list, as the ARIA practices describe them.
(() => {
  const box = document.getElementById("q");
  const form = box.form;
  const pause = 90; // milliseconds without a key before asking
  const kinds = { past: "You searched", title: "Titles", author: "Authors", category: "Categories" };
  const remembers = document.documentElement.dataset.history === "on";
  let options = []; // {element, suggestion}, from top to bottom
  let at = -1;
  let timer = 0;
  let asking = null;

  const made = (tag, attributes, text) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text; // titles are text, whatever they say
    return element;
  };
  const list = made("div", { id: "suggestions", class: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: "" });
  const heard = made("p", { class: "unseen", role: "status" });
  form.append(list, heard);
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-controls": "suggestions",
    "aria-expanded": "false",
  })) box.setAttribute(name, value);

  const mark = (place) => {
    if (options[at]) options[at].element.setAttribute("aria-selected", "false");
    at = place;
    const marked = options[at]?.element;
    if (!marked) {
      box.removeAttribute("aria-activedescendant");
      return;
    }
    marked.setAttribute("aria-selected", "true");
    marked.scrollIntoView({ block: "nearest" });
    box.setAttribute("aria-activedescendant", marked.id);
  };
  const isOpen = () => !list.hidden;
  const settle = () => { // no other list is to come
    clearTimeout(timer);
    asking?.abort();
  };
  const close = () => {
    settle();
    mark(-1);
    list.hidden = true;
    heard.textContent = "";
    box.setAttribute("aria-expanded", "false");
  };

  const option = (suggestion) => {
    const element = made("div", { id: `suggestion-${options.length}`, role: "option", "aria-selected": "false" });
    element.append(made("span", { class: "text", dir: "auto" }, suggestion.text));
    if (suggestion.note) element.append(" ", made("span", { class: "note" }, suggestion.note));
    options.push({ element, suggestion });
    return element;
  };
  const show = (suggestions) => {
    mark(-1);
    options = [];
    const groups = new Map();
    for (const suggestion of suggestions) {
      const name = kinds[suggestion.kind];
      if (!groups.has(name)) {
        const group = made("div", { role: "group", "aria-label": name });
        group.append(made("div", { class: "kind", "aria-hidden": "true" }, name));
        groups.set(name, group);
      }
      groups.get(name).append(option(suggestion));
    }
    list.replaceChildren(...groups.values());
    list.hidden = !options.length;
    list.scrollTop = 0;
    box.setAttribute("aria-expanded", String(isOpen()));
    heard.textContent = options.length ? `${options.length} suggestion${options.length === 1 ? "" : "s"}` : "";
  };
  const ask = async () => {
    settle();
    const mine = (asking = new AbortController());
    const text = box.value;
    let found;
    try {
      const answer = await fetch(`/suggest?${new URLSearchParams({ q: text })}`, { signal: mine.signal });
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      return; // overtaken, or the server is gone: searching still works
    }
    const isStale = mine !== asking || mine.signal.aborted || box.value !== text;
    if (!isStale && document.activeElement === box) show(found.suggestions);
  };

  const remember = (query) => {
    if (!remembers || !query.trim()) return;
    // Outlives the page that is being left; whether it arrives changes nothing for the reader.
    fetch("/queries/past", { method: "POST", body: new URLSearchParams({ q: query }), keepalive: true }).catch(() => {});
  };
  const choose = ({ query, to }) => {
    close();
    if (query) remember(query);
    location.assign(to);
  };

  box.addEventListener("input", (event) => {
    clearTimeout(timer);
    asking?.abort();
    if (!box.value.trim()) close();
    else if (!event.isComposing) timer = setTimeout(ask, pause);
  });
  box.addEventListener("compositionend", () => { timer = setTimeout(ask, pause); });
  box.addEventListener("blur", close);
  addEventListener("pagehide", close);
  form.addEventListener("submit", () => {
    close();
    remember(box.value);
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !event.altKey) {
      event.preventDefault();
      if (!isOpen()) {
        ask();
        return;
      }
      settle(); // whoever moves in a list keeps it
      // Past either end lies the box itself, then the other end.
      mark(at + step >= options.length ? -1 : at + step < -1 ? options.length - 1 : at + step);
    } else if (event.key === "Enter" && isOpen() && options[at]) {
      event.preventDefault();
      choose(options[at].suggestion);
    } else if (event.key === "Escape" && isOpen()) {
      event.preventDefault(); // the text stays, and so does the focus
      event.stopPropagation();
      close();
    } else if (event.key === "Tab") {
      close();
    }
  });
  // The box keeps the focus while the list is pressed.
  list.addEventListener("mousedown", (event) => event.preventDefault());
  const pressed = (event) => options.find(({ element }) => element.contains(event.target));
  list.addEventListener("click", (event) => {
    const one = pressed(event);
    if (one) choose(one.suggestion);
  });
  list.addEventListener("mousemove", (event) => {
    const place = options.indexOf(pressed(event));
    if (place >= 0 && place !== at) mark(place);
  });
})();

// Mail comes by the reader's own clock where the browser tells it: the form proposes that zone.
(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const field of document.querySelectorAll("form[action='/subscribe'] [name=zone]")) {
    if (field.type === "hidden" || [...field.options].some((one) => one.value === zone)) field.value = zone || field.value;
  }
})();

// On a phone the row of sections is pushed aside: the one that is open comes into view.
(() => {
  const row = document.querySelector(".sections");
  const here = row && row.querySelector("[aria-current]");
  if (here) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
})();
