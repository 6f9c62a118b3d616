"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const table = $("rows");
  if (!table) return;
  const data = JSON.parse($("data").textContent);
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const SVG = "http://www.w3.org/2000/svg";
  document.body.classList.add("live");

  const element = (tag, text, attributes = {}) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const shape = (tag, attributes, title) => {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (title !== undefined) {
      const words = document.createElementNS(SVG, "title");
      words.textContent = title;
      made.append(words);
    }
    return made;
  };

  // The same drawing as that of the culprits, which stands in the page.
  const histogram = (spread) => {
    const width = 384, height = 72, step = width / spread.length;
    const most = Math.max(...spread);
    const svg = shape("svg", { class: "histogram", viewBox: `0 0 ${width} ${height + 16}`, width, height: height + 16 });
    spread.forEach((count, bin) => {
      const high = count ? (Math.log(1 + count) / Math.log(1 + most)) * height : 0;
      svg.append(shape("rect", {
        class: bin ? "bar" : "equal", x: bin * step + 0.5, y: height - high, width: step - 1, height: high,
      }, `${data.bins[bin] ?? ""}: ${count}`));
    });
    for (let bin = 0; bin < spread.length; bin += 4) {
      const text = shape("text", { x: (bin || 0.5) * step, y: height + 12 });
      text.textContent = bin ? `1e${bin - 18}` : "=";
      svg.append(text);
    }
    svg.append(shape("path", { class: "base", d: `M0 ${height}H${width}` }));
    return svg;
  };

  const small = (head, lines) => {
    const made = element("table");
    const first = made.createTHead().insertRow();
    head.forEach((word) => first.append(element("th", word)));
    const rest = made.createTBody();
    for (const line of lines) {
      const row = rest.insertRow();
      line.forEach((word, at) => row.append(element("td", word, at ? { class: "r" } : {})));
    }
    return made;
  };

  const details = (row) => {
    const about = data.rows[row.id.slice(1)];
    const line = element("tr", undefined, { class: "details" });
    const cell = element("td", undefined, { colspan: table.tHead.rows[0].cells.length });
    const parts = element("div", undefined, { class: "parts" });
    const words = element("div");
    for (const [what, text] of about.about) {
      const paragraph = element("p", `${what} `);
      paragraph.append(element("code", text));
      words.append(paragraph);
    }
    parts.append(words);
    if (about.worst.length) parts.append(small([about.at, "value"], about.worst));
    if (about.stats.length) parts.append(small(["", "ours", "theirs"], about.stats));
    if (about.spread && Math.max(...about.spread) > 0) parts.append(histogram(about.spread));
    cell.append(parts);
    line.append(cell);
    return line;
  };

  const isDetails = (row) => row && row.classList.contains("details");
  const closeAll = () => body.querySelectorAll("tr.details").forEach((row) => row.remove());
  const toggle = (row) => {
    if (isDetails(row.nextElementSibling)) row.nextElementSibling.remove();
    else row.after(details(row));
  };
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[id]");
    if (row && !String(getSelection())) toggle(row);
  });
  body.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("tr[id]")) toggle(event.target);
  });
  rows.forEach((row) => row.setAttribute("tabindex", "0"));

  const filter = $("filter"), boxes = [...document.querySelectorAll(".controls input[type=checkbox]")];
  const apply = () => {
    closeAll();
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kinds = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !kinds.has(row.classList[0]) || !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    $("shown").textContent = `${shown} of ${rows.length}`;
  };
  filter.addEventListener("input", apply);
  boxes.forEach((box) => box.addEventListener("change", apply));
  apply();

  // What a cell is sorted by: its number where it has one, and its text where it has none.
  const key = (row, at) => {
    const cell = row.cells[at], number = cell.dataset.number;
    return number === undefined ? cell.textContent : number === "" ? -1 : Number(number);
  };
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    head.querySelector("button").addEventListener("click", () => {
      closeAll();
      const now = head.getAttribute("aria-sort");
      // Numbers begin with the largest; a third click brings back the order of the run.
      const numeric = head.classList.contains("r");
      const order = numeric ? ["descending", "ascending"] : ["ascending", "descending"];
      const next = now === null ? order[0] : now === order[0] ? order[1] : null;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      const sorted = [...rows];
      if (next) {
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        sorted.sort((a, b) => {
          const [x, y] = [key(a, at), key(b, at)];
          return sign * (x < y ? -1 : x > y ? 1 : 0);
        });
      }
      body.append(...sorted);
    });
  });

  // A link to a row that the filter hides shows it.
  addEventListener("hashchange", () => {
    const row = $(location.hash.slice(1));
    if (row && row.hidden) {
      filter.value = "";
      boxes.forEach((box) => { box.checked = true; });
      apply();
      row.scrollIntoView();
    }
  });
})();
