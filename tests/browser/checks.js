// What every page must hold to. Each function gives a list of faults in words.
({
  tooWide() {
    const edge = document.documentElement.clientWidth + 1;
    const wide = [...document.querySelectorAll("body *")].filter(
      (e) => e.getBoundingClientRect().right > edge && !e.closest(".unseen, .table thead"), // clipped: there to be heard
    );
    const faults = wide.map((e) => e.outerHTML.slice(0, 120));
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push("the page scrolls sideways");
    return faults;
  },

  structure() {
    const faults = [];
    const say = (what, e) => faults.push(`${what}: ${e.outerHTML.slice(0, 160)}`);
    const all = (selector) => [...document.querySelectorAll(selector)];
    for (const one of ["h1", "main"]) if (all(one).length !== 1) faults.push(`not one ${one}`);
    if (!document.documentElement.lang) faults.push("no language");
    let level = 0;
    for (const e of all("h1, h2, h3, h4")) {
      if (Number(e.tagName[1]) > level + 1) say("heading skips a level", e);
      level = Number(e.tagName[1]);
    }
    const ids = all("[id]").map((e) => e.id);
    for (const id of ids.filter((id, n) => ids.indexOf(id) !== n)) faults.push(`id ${id} is used twice`);
    for (const e of all("input:not([type=hidden]), select, textarea")) {
      if (!e.labels.length && !e.getAttribute("aria-label")) say("no label", e);
    }
    for (const e of all("a, button")) if (!(e.textContent.trim() || e.getAttribute("aria-label"))) say("no name", e);
    for (const e of all("svg")) if (!e.closest("[aria-hidden=true]") && !e.getAttribute("role")) say("unnamed picture", e);
    for (const e of all("iframe")) if (!e.title) say("no title", e);
    for (const e of all("[aria-labelledby]")) {
      if (!document.getElementById(e.getAttribute("aria-labelledby"))) say("labelled by nothing", e);
    }
    return faults;
  },

  // Opens what is folded, and notes from then on what the focus comes to. Gives what there is to come to.
  follow() {
    for (const e of document.querySelectorAll("details")) e.open = true;
    const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary";
    const all = () => [...document.querySelectorAll(kinds)].filter((e) => !e.disabled && e.checkVisibility());
    const alike = (e) => (e.type === "radio" ? all().filter((o) => o.name === e.name) : [e]); // Tab comes to one, arrows to the others
    const reached = new Set();
    const unmarked = new Set();
    document.addEventListener("focusin", ({ target: e }) => {
      for (const one of alike(e)) reached.add(one);
      const box = e.getBoundingClientRect();
      if (!box.width || !box.height || getComputedStyle(e).outlineStyle === "none") unmarked.add(e);
    });
    const words = (list) => list.map((e) => e.outerHTML.slice(0, 160));
    window.followed = { left: () => words(all().filter((e) => !reached.has(e))), unmarked: () => words([...unmarked]) };
    return this.left();
  },

  left() {
    return window.followed.left().map((e) => `Tab never comes to ${e}`);
  },

  unmarked() {
    return window.followed.unmarked().map((e) => `the focus is not to be seen on ${e}`);
  },

  // WCAG 2.2, success criterion 1.4.3: 4.5, and 3 for large text.
  contrast() {
    const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const channels = (color) => {
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = color;
      paint.fillRect(0, 0, 1, 1);
      return [...paint.getImageData(0, 0, 1, 1).data];
    };
    const linear = (value) => (value <= 10.31475 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const ground = (e) => {
      for (; e; e = e.parentElement) {
        const found = channels(getComputedStyle(e).backgroundColor);
        if (found[3] === 255) return found;
      }
      return [255, 255, 255];
    };
    const faults = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node; node = texts.nextNode()) {
      const e = node.parentElement;
      const words = node.textContent.trim();
      if (!words || !e.getClientRects().length || e.closest(".unseen, .skip, script, style, option")) continue;
      const style = getComputedStyle(e);
      const [one, other] = [light(channels(style.color)), light(ground(e))];
      const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      const size = parseFloat(style.fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      if (ratio < (large ? 3 : 4.5)) faults.push(`${ratio.toFixed(2)}: ${words.slice(0, 40)}`);
    }
    return faults;
  },
});
