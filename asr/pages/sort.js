"use strict";
/* Sorts a table by the column whose title is pressed; cells may give a number in data-value. */
for (const title of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...title.childNodes);
  title.append(button);
  button.addEventListener("click", () => sortBy(title));
}

function sortBy(title) {
  const down = title.getAttribute("aria-sort") === "ascending";
  for (const other of title.parentNode.children) other.removeAttribute("aria-sort");
  title.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = title.closest("table").tBodies[0];
  const rows = [...body.rows];
  rows.sort((a, b) => (down ? -1 : 1) * compare(a.cells[title.cellIndex], b.cells[title.cellIndex]));
  body.append(...rows);
}

function compare(a, b) {
  const numeric = "value" in a.dataset || "value" in b.dataset;
  if (!numeric) return a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
  return number(a) - number(b);
}

function number(cell) { /* what has no number stands last */
  return cell.dataset.value ? Number(cell.dataset.value) : Number.MAX_VALUE;
}
