"use strict";
// A click on a header sorts the rows; without this script the tables are as they are.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  if (body.rows.length < 2) continue;
  headers.forEach((header, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = header.getAttribute("aria-sort") === "descending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = (one, two) => {
        const [a, b] = [one.cells[at], two.cells[at]];
        if (a.dataset.by !== undefined) return a.dataset.by - b.dataset.by;
        return a.textContent.localeCompare(b.textContent, undefined, { numeric: true });
      };
      const rows = [...body.rows].sort(order);
      body.append(...(up ? rows : rows.reverse()));
    });
  });
}
