// Keeps an open page current. Without JavaScript pages work the same and show the state of their last loading.
//
// <div data-live="/live/board?..." data-live-at="position">      what is followed, from where on
//   <p role="status" data-live-words>                            says in words what has changed
//   <b data-live-count="late">                                   numbers, by name
//   <section data-live-section="attention">                      hidden while its list is empty
//     <ul data-live-list="attention" data-live-more data-live-since="...">     it goes on on a next page, and began before
//       <li data-live-key="E-1" data-live-order="...">           lists are ordered by this text
//
// Messages: `card` {key, section, order, html, words}, `gone` {key}, `counts` {name: number}, `refresh`.
"use strict";

(() => {
  const CLOSED_PAUSE_MS = 4000; // after an answer that ends the stream for good, such as a proxy's error page
  const SPREAD_MS = 800; // all open pages are told at once: they must not come back at once
  const WORDS_MS = 700; // a burst is told once

  const follow = (root) => {
    let at = root.dataset.liveAt;
    let source = null;
    let pause = 0;
    let told = 0;
    let untold = [];

    const list = (section) => root.querySelector(`[data-live-list="${CSS.escape(section)}"]`);
    const card = (key) => root.querySelector(`[data-live-key="${CSS.escape(key)}"]`);
    const element = (html) => {
      const template = document.createElement("template");
      template.innerHTML = html.trim();
      return template.content.firstElementChild;
    };
    const tidy = () => {
      for (const section of root.querySelectorAll("[data-live-section]")) {
        section.hidden = !section.querySelector("[data-live-key]");
      }
      const empty = root.querySelector("[data-live-empty]");
      if (empty) empty.hidden = Boolean(root.querySelector("[data-live-key]"));
    };
    const say = (words) => {
      if (words) untold.push(words);
      clearTimeout(told);
      told = setTimeout(() => {
        const status = root.querySelector("[data-live-words]");
        if (status && untold.length) status.textContent = untold.length > 2 ? (root.dataset.liveMany || "#").replace("#", untold.length) : untold.join(". ");
        untold = [];
      }, WORDS_MS);
    };

    // What has the focus keeps it, by its data-focus name, although its card is a new one now.
    const keepingFocus = (old, change) => {
      const held = old && old.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
      const fresh = change();
      if (held && fresh) fresh.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    };

    const put = ({ key, section, order, html, words }) => {
      const into = list(section);
      if (!into) return;
      const old = card(key);
      keepingFocus(old, () => {
        const fresh = element(html);
        fresh.classList.add(old ? "is-changed" : "is-new");
        const next = [...into.children].find((other) => other !== old && other.dataset.liveOrder > order);
        const elsewhere = order <= (into.dataset.liveSince ?? "") || (!next && into.hasAttribute("data-live-more"));
        if (elsewhere) {
          old?.remove(); // its place is on a page that is not shown
          return null;
        }
        if (old && old.parentElement === into && next === old.nextElementSibling) old.replaceWith(fresh);
        else {
          old?.remove();
          into.insertBefore(fresh, next ?? null);
        }
        return fresh;
      });
      tidy();
      say(words);
    };

    const refresh = async () => {
      source?.close();
      try {
        const answer = await fetch(location.href, { headers: { "X-Live": "refresh" }, redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
        if (!fresh) throw new Error("no live part");
        const held = root.contains(document.activeElement) ? document.activeElement : null;
        const key = held?.closest("[data-live-key]")?.dataset.liveKey;
        const name = held?.dataset.focus;
        root.replaceChildren(...fresh.childNodes);
        at = fresh.dataset.liveAt;
        if (name) (key ? card(key) : root)?.querySelector(`[data-focus="${CSS.escape(name)}"]`)?.focus({ preventScroll: true });
        open();
      } catch {
        later(refresh);
      }
    };

    const later = (what) => {
      root.dataset.liveState = "waiting";
      pause = Math.min(30000, pause * 2 || CLOSED_PAUSE_MS);
      setTimeout(what, pause * (0.75 + Math.random() / 2));
    };

    const open = () => {
      source?.close();
      if (document.hidden) return; // a browser keeps six connections to a server: hidden pages give theirs back
      const url = new URL(root.dataset.live, location.href);
      url.searchParams.set("at", at);
      source = new EventSource(url);
      const on = (name, act) =>
        source.addEventListener(name, (event) => {
          if (event.lastEventId) at = event.lastEventId;
          act(JSON.parse(event.data));
        });
      on("card", put);
      on("gone", ({ key }) => {
        card(key)?.remove();
        tidy();
      });
      on("counts", (counts) => {
        for (const [name, number] of Object.entries(counts)) {
          for (const place of root.querySelectorAll(`[data-live-count="${CSS.escape(name)}"]`)) place.textContent = number;
        }
      });
      on("refresh", () => {
        source.close();
        setTimeout(refresh, Math.random() * SPREAD_MS);
      });
      source.addEventListener("open", () => {
        pause = 0;
        root.dataset.liveState = "open";
      });
      source.addEventListener("error", () => {
        root.dataset.liveState = "waiting";
        if (source.readyState === EventSource.CLOSED) later(refresh); // the browser gives up; we look again
      });
    };

    document.addEventListener("visibilitychange", () => (document.hidden ? source?.close() : open()));
    addEventListener("pagehide", () => source?.close());
    addEventListener("pageshow", (event) => event.persisted && open());
    open();
  };

  for (const root of document.querySelectorAll("[data-live]")) follow(root);

  // Choices that only narrow a list need no button where scripts run.
  for (const field of document.querySelectorAll("[data-submit]")) field.addEventListener("change", () => field.form.requestSubmit());
})();
