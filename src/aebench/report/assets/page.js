// What a reader may do with the page: sort and filter tables, pick claims, see where they are.
// Without scripts the page reads the same: buttons and boxes are made here.
(() => {
  "use strict";
  const FEW = 8; // fewer rows need no filter

  const make = (tag, properties = {}, ...children) => {
    const { data, ...others } = properties;
    const element = Object.assign(document.createElement(tag), others);
    Object.assign(element.dataset, data);
    element.append(...children);
    return element;
  };
  const bodyRows = (table) => [...table.querySelectorAll("tbody tr:not(.group)")];

  // ---------------------------------------------------------------- sorting

  // By number where there is one, else by text; "better first" for the columns that say it. Groups
  // of rows, such as those of one code size, stay together. A third click brings the order back.
  const words = new Intl.Collator("en", { numeric: true });

  function key(row, column) {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
  }

  function order(rows, column, direction) {
    const sign = direction === "ascending" ? 1 : -1;
    const numbers = rows.some((row) => key(row, column) !== null);
    const compared = (a, b) => {
      if (!numbers) {
        return sign * words.compare(a.cells[column].textContent, b.cells[column].textContent);
      }
      const [x, y] = [key(a, column), key(b, column)];
      if (x === null || y === null) return (x === null) - (y === null); // missing ones last
      return sign * (x - y);
    };
    return [...rows].sort(compared);
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const bodies = [...table.tBodies].map((body) => [body, bodyRows(body)]);
    heads.forEach((head, column) => {
      const first = head.textContent.includes("↑") ? "descending" : "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const now = before === null ? first : before === first ? second : null;
        for (const other of heads) other.removeAttribute("aria-sort");
        if (now) head.setAttribute("aria-sort", now);
        for (const [body, rows] of bodies) body.append(...(now ? order(rows, column, now) : rows));
      });
    });
  }

  // ---------------------------------------------------------------- filtering

  // One row of controls for all tables of a part of the page that name variants.
  function facts(table) {
    return [...table.tBodies].flatMap((body) => {
      const head = body.querySelector("tr.group th");
      return bodyRows(body).map((row) => {
        const variant = row.querySelector("[data-role]");
        const size = row.querySelector("[data-size]") ?? head;
        return variant && { row, body, ...variant.dataset, size: size?.dataset.size };
      });
    });
  }

  const unique = (values) => [...new Set(values.filter((value) => value !== undefined))];

  function choice(label, all, values) {
    const select = make("select", {}, make("option", { value: "", textContent: all }));
    for (const value of values) select.append(make("option", { value, textContent: value }));
    return [make("label", {}, label, select), select];
  }

  function filterable(part) {
    const rows = [...part.querySelectorAll("table[data-sortable]")].flatMap(facts).filter(Boolean);
    const first = rows[0]?.row.closest(".scroll");
    if (rows.length < FEW) return;
    const box = make("input", { type: "search", placeholder: "pca, deep", autocomplete: "off" });
    const [roles, role] = choice("role", "all", unique(rows.map((each) => each.role)).sort());
    const byNumber = (a, b) => a - b;
    const sizes = unique(rows.map((each) => each.size)).sort(byNumber);
    const [sizesLabel, size] = choice("code size", "all", sizes);
    const status = make("span", {});
    status.setAttribute("role", "status");
    const show = () => {
      const wanted = box.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
      let shown = 0;
      for (const each of rows) {
        const name = each.name.toLowerCase();
        const fits =
          (!wanted.length || wanted.some((word) => name.includes(word))) &&
          (!role.value || each.role === role.value) &&
          (!size.value || each.size === size.value);
        each.row.hidden = !fits;
        shown += fits;
      }
      for (const body of new Set(rows.map((each) => each.body))) {
        body.hidden = bodyRows(body).every((row) => row.hidden);
      }
      status.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} rows`;
    };
    const controls = make("div", { className: "controls" }, make("label", {}, "variants", box));
    if (role.length > 2) controls.append(roles);
    if (size.length > 2) controls.append(sizesLabel);
    controls.append(status);
    controls.addEventListener("input", show);
    first.before(controls);
    show(); // a browser may have kept what was typed
  }

  // ---------------------------------------------------------------- claims

  function claims(tally) {
    const rows = [...document.querySelectorAll("tr[data-status]")];
    const buttons = [...tally.querySelectorAll("[data-status]")].map((pill) => {
      const button = make("button", {
        type: "button",
        className: pill.className,
        textContent: pill.textContent,
        data: pill.dataset,
      });
      button.setAttribute("aria-pressed", "false");
      pill.replaceWith(button);
      return button;
    });
    const pressed = (button) => button.getAttribute("aria-pressed") === "true";
    const status = make("p", { className: "note" });
    status.setAttribute("role", "status");
    tally.after(status);
    tally.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      button.setAttribute("aria-pressed", String(!pressed(button)));
      const wanted = buttons.filter(pressed).map((each) => each.dataset.status);
      for (const row of rows) {
        row.hidden = wanted.length > 0 && !wanted.includes(row.dataset.status);
      }
      const shown = rows.filter((row) => !row.hidden).length;
      status.textContent = shown < rows.length ? `${shown} of ${rows.length} claims` : "";
    });
  }

  // ---------------------------------------------------------------- where the reader is

  function follow(nav) {
    const links = new Map();
    for (const link of nav.querySelectorAll('a[href^="#"]')) {
      links.set(document.getElementById(link.hash.slice(1)), link);
    }
    const seen = new Set();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) seen.add(entry.target);
          else seen.delete(entry.target);
        }
        const here = [...links.keys()].find((section) => seen.has(section));
        for (const [section, link] of links) {
          if (section !== here) link.removeAttribute("aria-current");
          else if (!link.hasAttribute("aria-current")) {
            link.setAttribute("aria-current", "true");
            const middle = link.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
            nav.scrollTo({ left: middle });
          }
        }
      },
      { rootMargin: "-20% 0px -70% 0px" },
    );
    for (const section of links.keys()) observer.observe(section);
  }

  // ---------------------------------------------------------------- paper

  function printable() {
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll("details[data-print]:not([open])")];
      for (const each of opened) each.open = true;
    });
    addEventListener("afterprint", () => {
      for (const each of opened) each.open = false;
    });
  }

  for (const part of document.querySelectorAll("[data-filter]")) filterable(part);
  for (const table of document.querySelectorAll("table[data-sortable]")) sortable(table);
  claims(document.getElementById("tally"));
  follow(document.querySelector(".bar nav"));
  printable();
})();
