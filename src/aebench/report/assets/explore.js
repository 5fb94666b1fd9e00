// The interactive parts of a data set. Everything is drawn from one JSON payload in the page.
// Texts of documents, names of classes and of variants become text nodes, never markup.
(() => {
  "use strict";

  const MARGIN = 0.03; // around the codes of a map, whose own sides are 1
  const REACH = 18; // how near to a point a pointer must be, in CSS pixels
  const ROLES = { autoencoder: "autoencoders", baseline: "baselines", control: "controls" };

  // ---------------------------------------------------------------- small tools

  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  function swatch(colour) {
    const dot = make("span", { class: "ex-swatch", "aria-hidden": "true" });
    dot.style.background = colour;
    return dot;
  }

  // Variants under their roles.
  function chooser(variants, chosen, onChange) {
    const select = make("select", { change: () => onChange(Number(select.value)) });
    for (const [role, title] of Object.entries(ROLES)) {
      const own = variants.flatMap((one, n) => (one.role === role ? [make("option", { value: n }, one.variant)] : []));
      if (own.length) select.append(make("optgroup", { label: title }, ...own));
    }
    select.value = String(chosen);
    return select;
  }

  function unpack(base64) {
    const bytes = atob(base64);
    return Uint16Array.from({ length: bytes.length / 2 }, (_, n) => bytes.charCodeAt(2 * n) | (bytes.charCodeAt(2 * n + 1) << 8));
  }

  // A function that gives the n-th image of a sprite as a canvas.
  function cutter(sprite) {
    const image = new Image();
    image.src = sprite.url;
    const ready = image.decode();
    return (n, label) => {
      const { width, height, columns } = sprite;
      const canvas = make("canvas", { class: "ex-thumb", width, height, role: "img", "aria-label": label });
      const [left, top] = [(n % columns) * width, Math.floor(n / columns) * height];
      ready.then(() => canvas.getContext("2d").drawImage(image, left, top, width, height, 0, 0, width, height));
      return canvas;
    };
  }

  // The library is text until a map is needed, so that the page opens without it.
  function library() {
    if (!window.Bokeh) {
      document.head.append(make("script", {}, document.getElementById("ex-library").textContent));
    }
    return window.Bokeh;
  }

  // The chart around Bokeh's canvas has the focus and the keys: once is enough.
  function unfocus(root) {
    for (const element of root.querySelectorAll("*")) {
      if (element.tabIndex >= 0) element.tabIndex = -1;
      if (element.shadowRoot) unfocus(element.shadowRoot);
    }
  }

  // ---------------------------------------------------------------- the items of a data set

  class Items {
    constructor(data) {
      this.data = data;
      this.count = data.shown;
      this.cut = data.sprite && cutter(data.sprite);
    }

    classes(item) {
      const known = this.data.classes;
      return known ? known.of_items[item].map((n) => known.names[n]).join(", ") || "no class" : "";
    }

    place(item) {
      return `test item ${this.data.positions[item].toLocaleString("en")}`;
    }

    text(item) {
      return this.data.texts ? this.data.texts[item] || "(no readable word)" : "";
    }

    thumbnail(item, more = "") {
      return this.cut && this.cut(item, [more, this.classes(item), this.place(item)].filter(Boolean).join(", "));
    }

    // Two items are of one class when they share any.
    alike(one, other) {
      const own = this.data.classes.of_items;
      return own[one].some((n) => own[other].includes(n));
    }

    // What tells an item: its first words, its class, its position.
    words(item) {
      const [text, own] = [this.text(item), this.classes(item)];
      const parts = [own && make("b", {}, own), text && make("q", {}, text), make("span", {}, this.place(item))];
      return parts.filter(Boolean);
    }
  }

  // ---------------------------------------------------------------- explorer

  class Explorer {
    constructor(section) {
      this.section = section;
      this.data = JSON.parse(section.querySelector('script[type="application/json"]').textContent);
      this.items = new Items(this.data);
      this.picked = 0; // the item looked at, which is also the query
      this.selection = null; // a Set of items, or null for all
      this.listeners = [];
      const body = section.querySelector(".ex-body");
      body.append(this.bar(), ...[mapsPart, nearestPart, reconstructionPart].map((part) => part(this)));
      this.changed();
    }

    changed() {
      const { section, data } = this;
      section.dataset.picked = this.picked;
      section.dataset.position = data.positions[this.picked];
      section.dataset.selected = this.selection ? this.selection.size : this.items.count;
      for (const listener of this.listeners) listener();
    }

    pick(item) {
      this.picked = item;
      this.changed();
      const { items } = this;
      this.say([`Picked: ${items.place(item)}`, items.classes(item) && `class ${items.classes(item)}`, items.text(item)].filter(Boolean).join("; "));
    }

    // To the next item, or the one before, of those selected.
    step(by) {
      let item = this.picked;
      do item = (item + by + this.items.count) % this.items.count;
      while (this.selection && this.selection.size && !this.selection.has(item));
      this.pick(item);
    }

    // `group` or `ofClass` says why items are selected, when that is a class.
    select(indices, { group = null, ofClass = null } = {}) {
      this.selection = indices && new Set(indices);
      [this.group, this.ofClass] = [group, ofClass];
      if (indices?.length && !this.selection.has(this.picked)) this.picked = indices[0];
      this.changed();
      this.say(indices ? this.summary(indices) : "All items are shown.");
    }

    summary(indices) {
      const counts = new Map();
      for (const item of indices) {
        const own = this.items.classes(item);
        counts.set(own, (counts.get(own) || 0) + 1);
      }
      const most = [...counts].filter(([name]) => name).sort((a, b) => b[1] - a[1]);
      const shown = most.slice(0, 4).map(([name, n]) => `${n} of ${name}`);
      const rest = most.length > 4 ? [`${most.length - 4} more classes`] : [];
      return `Selected: ${indices.length} items${most.length ? ` (${[...shown, ...rest].join(", ")})` : ""}.`;
    }

    say(words) {
      this.live.textContent = words;
    }

    steps() {
      const button = (words, by) => make("button", { type: "button", click: () => this.step(by) }, words);
      return make("div", { class: "ex-steps" }, button("Previous", -1), button("Next", 1));
    }

    // The picked item in words and, for images, as a picture.
    card(title) {
      const face = this.items.cut && make("div", {});
      const words = make("div", { class: "ex-words" });
      this.listeners.push(() => {
        if (face) face.replaceChildren(this.items.thumbnail(this.picked));
        words.replaceChildren(...this.items.words(this.picked));
      });
      return make("div", { class: "ex-item card", role: "group", "aria-label": title }, face, words, this.steps());
    }

    bar() {
      this.live = make("p", { class: "ex-live", "aria-live": "polite" }, "All items are shown.");
      const all = make("button", { type: "button", click: () => this.select(null) }, "All items");
      const legend = this.data.classes ? this.legend() : [];
      this.listeners.push(() => (all.disabled = !this.selection));
      return make(
        "div",
        { class: "ex-part" },
        make("fieldset", { class: "ex-legend" }, make("legend", {}, "Pick a class: the others are dimmed, and Previous and Next stay within it"), ...legend, all),
        this.card("Picked item"),
        this.live,
      );
    }

    legend() {
      const { names, groups, group_of_items, of_items } = this.data.classes;
      const every = [...of_items.keys()];
      const buttons = groups.map((group, n) => {
        const toggle = () => (this.group === n ? this.select(null) : this.select(every.filter((item) => group_of_items[item] === n), { group: n }));
        const button = make("button", { type: "button", "aria-pressed": "false", click: toggle }, swatch(group.colour), group.name);
        this.listeners.push(() => button.setAttribute("aria-pressed", String(this.selection !== null && this.group === n)));
        return button;
      });
      if (names.length <= groups.length) return buttons;
      const choose = () => {
        const n = Number(select.value);
        return n < 0 ? this.select(null) : this.select(every.filter((item) => of_items[item].includes(n)), { ofClass: n });
      };
      const present = names.map((name, n) => [name, n]).filter(([, n]) => of_items.some((own) => own.includes(n)));
      const options = present.map(([name, n]) => make("option", { value: n }, name));
      const select = make("select", { "aria-label": "One class alone", change: choose }, make("option", { value: -1 }, "one class …"), ...options);
      this.listeners.push(() => (select.value = String(this.selection && this.ofClass !== null ? this.ofClass : -1)));
      return [...buttons, select];
    }
  }

  function part(title, words, ...children) {
    return make("div", { class: "ex-part" }, make("h4", {}, title), make("p", {}, words), ...children);
  }

  // ---------------------------------------------------------------- code maps

  function mapsPart(explorer) {
    const { data } = explorer;
    const title = "Two code maps, side by side";
    if (!data.maps.length) return part(title, "Nothing to show: no variant has a continuous 2-D code here.");
    const baseline = data.maps.findIndex((one) => one.role === "baseline");
    const chosen = [0, baseline > 0 ? baseline : Math.min(1, data.maps.length - 1)];
    const maps = new Maps(explorer, chosen);
    return part(
      title,
      "Every point is one of the items shown. Point at one to see what it is; click or tap to pick it. Drag with a mouse over an area to select its items: they are highlighted in both maps. Arrow keys step through the items. What lies far outside is drawn at the edge.",
      make("div", { class: "ex-maps" }, ...maps.panels.map((panel) => panel.element)),
    );
  }

  class Maps {
    constructor(explorer, chosen) {
      this.explorer = explorer;
      this.places = new Map();
      const B = library();
      const { classes, shown } = explorer.data;
      const colour = classes ? classes.group_of_items.map((n) => classes.groups[n].colour) : Array(shown).fill("#0072B2");
      // One source of both panels is what links their selections.
      this.source = new B.ColumnDataSource({ data: { colour, ...this.columns(0, chosen[0]), ...this.columns(1, chosen[1]) } });
      this.ring = new B.ColumnDataSource({ data: { x0: [], y0: [], x1: [], y1: [] } });
      this.shows = [];
      this.panels = chosen.map((variant, n) => this.panel(B, n, variant));
      for (const show of this.shows) show();
      this.start(B);
      explorer.listeners.push(() => this.update());
      explorer.section.placeOf = (panel, item) => this.placeOf(panel, item);
    }

    codes(variant) {
      if (!this.places.has(variant)) this.places.set(variant, unpack(this.explorer.data.maps[variant].codes));
      return this.places.get(variant);
    }

    columns(panel, variant) {
      const codes = this.codes(variant);
      const side = (of) => Float64Array.from({ length: codes.length / 2 }, (_, item) => codes[2 * item + of] / 65535);
      this.explorer.section.dataset[panel ? "right" : "left"] = this.explorer.data.maps[variant].variant;
      return { [`x${panel}`]: side(0), [`y${panel}`]: side(1) };
    }

    panel(B, n, variant) {
      const { explorer, source } = this;
      const range = () => new B.Range1d({ start: -MARGIN, end: 1 + MARGIN });
      const plot = B.Plotting.figure({
        x_range: range(), y_range: range(), x_axis_type: null, y_axis_type: null, tools: [], toolbar_location: null,
        sizing_mode: "stretch_both", min_border: 0, outline_line_color: null, background_fill_color: null, border_fill_color: null,
      });
      plot.toolbar.logo = null;
      const points = plot.scatter({
        x: { field: `x${n}` }, y: { field: `y${n}` }, source, size: 7, line_color: null, fill_color: { field: "colour" }, fill_alpha: 0.85,
        nonselection_fill_alpha: 0.07, nonselection_line_color: null,
      });
      plot.scatter({ x: { field: `x${n}` }, y: { field: `y${n}` }, source: this.ring, size: 15, line_color: "#000000", line_width: 2.5, fill_color: null });
      if (matchMedia("(pointer: fine)").matches) {
        plot.add_tools(new B.BoxSelectTool({ renderers: [points] })); // a finger scrolls instead
      }
      const tip = make("div", { class: "ex-tip", hidden: true });
      const holder = make("div", {});
      const keys = (event) => {
        const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (event.key === "Escape") explorer.select(null);
        if (!by) return;
        event.preventDefault();
        explorer.step(by);
      };
      const chart = make("div", { class: "ex-chart", tabindex: "0", role: "application", keydown: keys }, holder, tip);
      const output = make("output", {});
      const show = (chosen) => {
        const { variant: words, accuracy } = explorer.data.maps[chosen];
        output.textContent = accuracy === null ? "kNN accuracy was not measured" : `kNN accuracy ${accuracy}, all test items, mean over seeds`;
        chart.setAttribute("aria-label", `Map of the 2-D codes of ${words}; arrow keys step through the items`);
        source.data = { ...source.data, ...this.columns(n, chosen) };
        this.update();
      };
      const label = make("label", {}, n ? "Right map" : "Left map", chooser(explorer.data.maps, variant, show));
      const found = { element: make("div", { class: "ex-map" }, label, output, chart), chart, tip, plot, holder };
      plot.on_event("mousemove", (event) => this.hover(found, n, this.at(n, event, chart)));
      plot.on_event("mouseleave", () => this.hover(found, n, null));
      plot.on_event("tap", (event) => {
        const item = this.at(n, event, chart);
        if (item === null) return explorer.select(null);
        explorer.pick(item);
      });
      plot.on_event("selectiongeometry", (event) => {
        const inside = source.selected.indices;
        if (event.final) explorer.select(inside.length ? [...inside] : null);
      });
      this.shows.push(() => show(variant));
      return found;
    }

    // Two panels of one source must be in one document.
    async start(B) {
      B.logger.set_level("warn");
      const both = new B.Document();
      for (const { plot } of this.panels) both.add_root(plot);
      await B.embed.add_document_standalone(both, this.panels[0].holder, this.panels.map(({ holder }) => holder));
      for (const { holder } of this.panels) unfocus(holder);
      this.explorer.section.dataset.maps = "drawn";
    }

    // The item nearest to the pointer, of those selected if any are; null when none is near.
    at(n, { x, y }, chart) {
      const { selection } = this.explorer;
      const scale = chart.clientWidth / (1 + 2 * MARGIN);
      const { [`x${n}`]: xs, [`y${n}`]: ys } = this.source.data;
      let [best, least] = [null, REACH];
      for (let item = 0; item < xs.length; item++) {
        const distance = Math.hypot(xs[item] - x, ys[item] - y) * scale;
        if (distance < least && (!selection || selection.has(item))) [best, least] = [item, distance];
      }
      return best;
    }

    hover(panel, n, item) {
      const { section, items } = this.explorer;
      if (item === this.hovered) return;
      this.hovered = item;
      section.dataset.hovered = item === null ? "" : item;
      panel.tip.hidden = item === null;
      if (item !== null) {
        panel.tip.replaceChildren(...[items.thumbnail(item)].filter(Boolean), make("div", {}, ...items.words(item)));
        const [x, y] = this.inside(panel, n, item);
        const { clientWidth: width, clientHeight: height } = panel.chart;
        // Beside the point, on the side where there is room.
        Object.assign(panel.tip.style, x < width / 2 ? { left: `${x + 14}px`, right: "auto" } : { left: "auto", right: `${width - x + 14}px` });
        Object.assign(panel.tip.style, y < height / 2 ? { top: `${y + 8}px`, bottom: "auto" } : { top: "auto", bottom: `${height - y + 8}px` });
      }
      this.mark();
    }

    // Where an item lies in a panel, in CSS pixels from its corner.
    inside(panel, n, item) {
      const of = (value, length) => ((value + MARGIN) / (1 + 2 * MARGIN)) * length;
      const { [`x${n}`]: xs, [`y${n}`]: ys } = this.source.data;
      return [of(xs[item], panel.chart.clientWidth), panel.chart.clientHeight - of(ys[item], panel.chart.clientHeight)];
    }

    placeOf(n, item) {
      const panel = this.panels[n];
      const corner = panel.chart.getBoundingClientRect();
      const [x, y] = this.inside(panel, n, item);
      return { x: corner.left + panel.chart.clientLeft + x, y: corner.top + panel.chart.clientTop + y };
    }

    // Ring the item pointed at, else the picked one, in both panels.
    mark() {
      const item = this.hovered ?? this.explorer.picked;
      const of = (name) => [this.source.data[name][item]];
      this.ring.data = { x0: of("x0"), y0: of("y0"), x1: of("x1"), y1: of("y1") };
    }

    update() {
      const { selection } = this.explorer;
      this.source.selected.indices = selection ? [...selection] : [];
      this.mark();
    }
  }

  // ---------------------------------------------------------------- nearest items

  function nearestPart(explorer) {
    const { data } = explorer;
    const title = "The nearest items, method beside method";
    if (!data.methods.length) return part(title, "Nothing to show: retrieval was not measured here.");
    const first = ["autoencoder", "baseline", "control"].map((role) => data.methods.findIndex((one) => one.role === role));
    const chosen = new Set(first.filter((n) => n >= 0));
    const hits = make("div", { class: `ex-hits ${data.kind}` });
    const show = () => hits.replaceChildren(...[...chosen].sort((a, b) => a - b).map((n) => method(explorer, data.methods[n])));
    explorer.listeners.push(show);
    const right = data.classes ? " ✓ marks an item of the query's class, ✗ one of another." : "";
    const binary = data.methods.some((one) => one.binary) ? "; of binary codes by their Hamming distance" : "";
    return part(
      title,
      `The picked item asks each method for the ${data.neighbours} nearest of the other items shown, by the cosine of their codes${binary}.${right} Items at the same distance stand in the fixed random order of the items; the tables take the expected value over all orders. MAP, from the tables, ranks all test items.`,
      explorer.card("Query"),
      methodChoice(explorer, chosen, show),
      hits,
    );
  }

  function methodChoice(explorer, chosen, show) {
    const { methods, most_methods: most } = explorer.data;
    const boxes = methods.map((one, n) => {
      const toggle = () => {
        if (box.checked) chosen.add(n);
        else chosen.delete(n);
        limit();
        show();
      };
      const box = make("input", { type: "checkbox", change: toggle, "data-variant": one.variant });
      box.checked = chosen.has(n);
      const size = one.code_size === explorer.data.code_size ? "" : ` (${sizeWords(one)})`;
      return [box, make("label", {}, box, swatch(one.colour), one.variant + size)];
    });
    const limit = () => boxes.forEach(([box]) => (box.disabled = !box.checked && chosen.size >= most));
    const rows = Object.entries(ROLES).map(([role, title]) => {
      const own = boxes.filter((_, n) => methods[n].role === role).map(([, label]) => label);
      return own.length ? make("div", {}, make("span", {}, title), make("div", {}, ...own)) : null;
    });
    limit();
    return make("fieldset", { class: "ex-methods" }, make("legend", {}, `Methods, at most ${most}, best first`), ...rows.filter(Boolean));
  }

  function sizeWords({ code_size: size, binary }) {
    return `${size.toLocaleString("en")} ${binary ? "bits" : "code units"}`;
  }

  function method(explorer, one) {
    const { items, data, picked } = explorer;
    const { variant, role, colour, score } = one;
    const all = unpack(one.nearest);
    const count = all.length / items.count;
    const found = [...all.subarray(picked * count, (picked + 1) * count)];
    const right = found.map((item) => data.classes && items.alike(picked, item));
    const precision = data.classes ? `${right.filter(Boolean).length} of ${count} right, ` : "";
    const words = `${role}, ${sizeWords(one)}: ${precision}MAP ${score}`;
    return make(
      "article",
      { "data-variant": variant, "data-items": found.join(" "), "data-right": right.filter(Boolean).length },
      make("h5", {}, swatch(colour), variant),
      make("p", {}, words),
      make("ol", { class: items.cut ? "images" : "words" }, ...found.map((item, n) => hit(items, item, right[n]))),
    );
  }

  function hit(items, item, right) {
    const told = right === null ? "" : right ? "right" : "wrong";
    const sign = told && make("span", { class: "ex-sign", role: "img", "aria-label": told }, right ? "✓" : "✗");
    const text = items.text(item);
    const parts = [items.thumbnail(item), sign, items.classes(item) || items.place(item)];
    if (text) parts.push(" ", make("q", {}, text));
    return make("li", { class: told && `ex-${told}` }, ...parts.filter(Boolean));
  }

  // ---------------------------------------------------------------- reconstructions

  function reconstructionPart(explorer) {
    const facts = explorer.data.reconstructions;
    if (!facts) return "";
    const cut = cutter(facts.sprite);
    const count = facts.positions.length;
    const tiles = make("ul", { class: "ex-tiles" });
    const live = make("p", { "aria-live": "polite", class: "ex-live" });
    const choice = { image: 0, sort: "error" };
    const told = (n) => `${facts.classes[n]}, test item ${facts.positions[n].toLocaleString("en")}`;
    const show = () => {
      const { image, sort } = choice;
      const order = [...facts.variants.keys()];
      if (sort === "error") order.sort((a, b) => facts.variants[a].errors[image] - facts.variants[b].errors[image]);
      else order.sort((a, b) => (facts.variants[a].variant < facts.variants[b].variant ? -1 : 1));
      const original = make("li", { class: "ex-tile" }, cut(image, `original: ${told(image)}`), make("b", {}, "original"), make("span", {}, told(image)));
      tiles.replaceChildren(original, ...order.map((n) => tile(explorer, cut, n, image)));
      explorer.section.dataset.image = facts.positions[image];
      live.textContent = `${told(image)}. ${least(explorer.data, image)}`;
    };
    const picks = facts.positions.map((_, n) => {
      const pick = () => {
        choice.image = n;
        show();
      };
      const name = `image-${explorer.section.id}`;
      const radio = make("input", { type: "radio", name, change: pick, "aria-label": told(n), checked: n === 0 });
      const face = cut(n, "");
      face.setAttribute("aria-hidden", "true");
      return make("label", { class: "ex-pick" }, radio, face);
    });
    const sorts = [["error", "its error on this image"], ["name", "its name"]];
    const sort = make("select", { change: () => ((choice.sort = sort.value), show()) }, ...sorts.map(([value, words]) => make("option", { value }, words)));
    const made = part(
      "Reconstructions, image by image",
      `${count} test images, and what every variant makes of the one picked, from its code of size ${explorer.data.code_size} or of the size named. The number is the squared error summed over the pixels of this image alone; the tables have the mean over all test items.`,
      make("fieldset", { class: "ex-picks" }, make("legend", {}, "Test image"), ...picks),
      make("div", { class: "controls" }, make("label", {}, "Sort variants by", sort)),
      live,
      tiles,
    );
    show();
    return made;
  }

  // The best autoencoder and the best baseline on an image, of those of one code size, in words.
  function least({ reconstructions, code_size: size }, image) {
    const compared = reconstructions.variants.filter((one) => one.code_size === size);
    const best = ["autoencoder", "baseline"].flatMap((role) => {
      const own = compared.filter((one) => one.role === role).sort((a, b) => a.errors[image] - b.errors[image]);
      return own.length ? [`of ${ROLES[role]} ${own[0].variant}, ${own[0].errors[image].toFixed(2)}`] : [];
    });
    return best.length ? `Least error at code size ${size}: ${best.join("; ")}.` : "";
  }

  function tile({ data }, cut, n, image) {
    const facts = data.reconstructions;
    const { variant, colour, code_size: size, errors } = facts.variants[n];
    const face = cut((n + 1) * facts.positions.length + image, `reconstruction by ${variant}`);
    const other = size === data.code_size ? null : make("span", {}, `size ${size.toLocaleString("en")}`);
    return make("li", { class: "ex-tile", "data-variant": variant, "data-error": errors[image] }, face, make("b", {}, variant), make("span", {}, swatch(colour), errors[image].toFixed(2)), other);
  }

  // ---------------------------------------------------------------- start

  // Nothing is built before it is nearly in sight: the page opens fast, also on a phone.
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        new Explorer(target);
        target.dataset.ready = "";
      }
    },
    { rootMargin: "600px" },
  );
  document.querySelectorAll("[data-explorer]").forEach((section) => watch.observe(section));
})();
