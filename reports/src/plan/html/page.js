"use strict";
// Read-outs beside the pointer, and below a heading that has the focus.
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
const say = (text, x, y) => {
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  tip.style.left = Math.min(x + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.max(8, Math.min(y + 14, innerHeight - tip.offsetHeight - 8)) + "px";
};
document.addEventListener("pointermove", (event) => {
  const at = event.target.closest?.("rect.hover");
  const title = at?.querySelector("title");
  // The browser's own read-out would come a second later.
  if (title) { at.dataset.said = title.textContent; title.remove(); }
  say(at?.dataset.said, event.clientX, event.clientY);
});
document.addEventListener("focusin", (event) => {
  const at = event.target.closest?.("th button:focus-visible");
  const box = at?.getBoundingClientRect();
  say(at?.title, box?.left, box?.bottom);
});
// Tables: filter, sort, and the rows after the first ones.
const collator = new Intl.Collator("en", { numeric: true });
// What begins with no number in its exact value has no end.
const value = (cell) => {
  const number = parseFloat(cell.title.replace(/,/g, ""));
  return !cell.title ? cell.textContent : isFinite(number) ? number : Infinity;
};
const compare = (a, b) => typeof a === "number" && typeof b === "number" ? (a === b ? 0 : a - b)
  : typeof a === "number" ? -1 : typeof b === "number" ? 1 : collator.compare(a, b);
for (const box of document.querySelectorAll(".data")) {
  const table = box.querySelector("table"), bar = box.querySelector(".bar");
  const input = bar.querySelector("input"), said = bar.querySelector("output"), all = bar.querySelector(".all");
  const first = table.tBodies[0].rows.length;
  let rows = [...table.tBodies].flatMap((body) => [...body.rows]), most = first, drawn = false;
  const total = rows.length;
  const draw = (now) => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = words.length ? rows.filter((row) => {
      row.said ??= [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase();
      return words.every((word) => row.said.includes(word));
    }) : rows;
    if (now) {
      while (table.tBodies[1]) table.tBodies[1].remove();
      table.tBodies[0].replaceChildren(...kept.slice(0, most));
    }
    const shown = Math.min(most, kept.length);
    said.textContent = shown < total ? `${shown} of ${total} rows${kept.length < total ? `, ${kept.length} fit` : ""}` : total === 1 ? "1 row" : `${total} rows`;
    all.hidden = kept.length <= most;
    all.textContent = `Show all ${kept.length}`;
  };
  bar.hidden = false;
  draw(false);
  input.addEventListener("input", () => draw(true));
  all.addEventListener("click", () => { most = Infinity; draw(true); });
  [...table.tHead.rows[0].cells].forEach((head, index) => head.firstElementChild.addEventListener("click", () => {
    const down = head.ariaSort === "ascending" ? -1 : 1;
    for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
    head.ariaSort = down === 1 ? "ascending" : "descending";
    const empty = (row) => row.cells[index].textContent === "";
    rows = rows.map((row) => [row, value(row.cells[index])])
      .sort((a, b) => empty(a[0]) - empty(b[0]) || down * compare(a[1], b[1])).map((pair) => pair[0]);
    draw(true);
  }));
}
