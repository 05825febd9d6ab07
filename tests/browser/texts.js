/* Every text of a page that somebody reads or hears and that is no data: names, what people wrote and code stand aside. */
(() => {
  const aside = "bdi, code, pre, script, style, [dir=auto], [lang]:not(html), .person__note, option";
  const found = new Set();
  const add = (text) => {
    const said = (text || "").replace(/\s+/g, " ").trim();
    if ((said.match(/\p{L}{2,}/gu) || []).length > 2) found.add(said);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    if (!walker.currentNode.parentElement.closest(aside)) add(walker.currentNode.data);
  }
  for (const name of ["aria-label", "placeholder", "title"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) if (!element.closest(aside)) add(element.getAttribute(name));
  }
  return [...found];
})()
