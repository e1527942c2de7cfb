"use strict";
(() => {
  const PERSON = "(person)";
  const PAGE = 200;
  const suites = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;

  /** An element with its attributes and children; whatever is text stays text. */
  function make(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value != null) element.setAttribute(key, value);
    }
    element.append(...children.flat().filter((child) => child != null));
    return element;
  }

  const several = (number, what) => number + " " + what + (number === 1 ? "" : "s");
  const sure = (confidence) => confidence.toFixed(2);
  const time = (ms) => (ms < 10 ? ms.toFixed(1) + " ms" : ms < 1000 ? ms.toFixed(0) + " ms" : (ms / 1000).toFixed(1) + " s");
  const said = (label) => (label == null ? PERSON : label);

  /* Light and dark: as the system has it, until the reader says otherwise. */
  const themeButton = document.getElementById("theme");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemDark.matches);
  const nameTheme = () => { themeButton.textContent = isDark() ? "Light" : "Dark"; };
  themeButton.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  systemDark.addEventListener("change", nameTheme);
  nameTheme();
  for (const element of document.querySelectorAll("#theme, .tabs, .missed, .script-only, .changed .choice")) element.hidden = false;

  /* Tabs. */
  const panels = [...document.querySelectorAll(".panel")];
  const tabs = [...document.querySelectorAll("[role=tab]")];
  function choose(panel, focus) {
    for (const other of panels) other.hidden = tabs.length > 0 && other !== panel;
    for (const tab of tabs) {
      const chosen = tab.getAttribute("aria-controls") === panel.id;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen && focus) tab.focus();
    }
    if (panel.dataset.suite) lists[panel.dataset.suite].start();
  }
  const note = (hash) => history.replaceState(null, "", "#" + hash);
  tabs.forEach((tab, n) => {
    const panel = document.getElementById(tab.getAttribute("aria-controls"));
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => { choose(panel); note(panel.id); });
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: n + 1, ArrowLeft: n - 1, Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = document.getElementById(tabs.at(to % tabs.length).getAttribute("aria-controls"));
      choose(next, true);
      note(next.id);
    });
  });

  /* Plots: the pointer or the arrow keys find the nearest point, whose values are written below. */
  function findIn(plot, dots) {
    if (!dots.length) return;
    const svg = plot.querySelector("svg");
    const ns = svg.namespaceURI;
    const line = document.createElementNS(ns, "line");
    const ring = document.createElementNS(ns, "circle");
    const hint = "Point at the plot, or use the arrow keys, to read its values.";
    const readout = make("output", { class: "readout dim" }, hint);
    let at = dots.length - 1;
    line.setAttribute("class", "finder-line");
    ring.setAttribute("class", "finder");
    ring.setAttribute("r", "6");
    function show(n) {
      at = Math.max(0, Math.min(dots.length - 1, n));
      const dot = dots[at];
      for (const [key, value] of [["x1", dot.x], ["x2", dot.x], ["y1", 14], ["y2", 268]]) line.setAttribute(key, value);
      ring.setAttribute("cx", dot.x);
      ring.setAttribute("cy", dot.y);
      svg.append(line, ring);
      readout.textContent = dot.says;
      readout.classList.remove("dim");
    }
    function leave() {
      line.remove();
      ring.remove();
      readout.textContent = hint;
      readout.classList.add("dim");
    }
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", svg.getAttribute("aria-label") + ". Arrow keys move along it.");
    plot.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * 400;
      let best = 0;
      dots.forEach((dot, n) => { if (Math.abs(dot.x - x) < Math.abs(dots[best].x - x)) best = n; });
      show(best);
    });
    plot.addEventListener("pointerleave", () => { if (document.activeElement !== plot) leave(); });
    plot.addEventListener("focus", () => show(at));
    plot.addEventListener("blur", leave);
    plot.addEventListener("keydown", (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: dots.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(to);
    });
    plot.after(readout);
  }

  /* Text of strangers: letters that nobody sees are shown by their numbers. */
  const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu;
  function visible(text) {
    const parts = [];
    let end = 0;
    for (const match of text.matchAll(UNSEEN)) {
      if (match[0] === "\r") continue;
      const number = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      parts.push(text.slice(end, match.index), make("span", { class: "hidden-letter" }, "U+" + number));
      end = match.index + match[0].length;
    }
    parts.push(text.slice(end));
    return parts;
  }
  const block = (text, name) => make("pre", { tabindex: 0, role: "region", "aria-label": name, dir: "auto" }, visible(text));
  const bdi = (text, kind) => make("bdi", { class: kind }, visible(text));
  /** The same where there can be no elements: in options, titles, and as the page itself is written. */
  const plain = (text) => visible(text).map((part) => (typeof part === "string" ? part : part.textContent)).join("");

  const isChanged = (one) => one.before != null && (one.before.got !== one.got || one.before.passed !== one.passed);
  const kindOf = (one) => (one.right ? "good" : one.got == null ? "doubtful" : "bad");

  function details(suite, one) {
    const left = make("div");
    const right = make("div");
    const add = (to, title, content) => to.append(make("h4", {}, title), content);
    const sentences = (texts, kind) => make("ul", { class: kind }, texts.map((text) => make("li", { dir: "auto" }, visible(text))));
    const facts = [
      ["expected", bdi(one.expected)],
      ["got", make("span", { class: kindOf(one) }, bdi(said(one.got)))],
      one.judge != null && ["judge", bdi(one.judge)],
      one.confidence != null && ["confidence", sure(one.confidence)],
      one.samples.length > 0 && ["samples", bdi(one.samples.map(said).join(", "))],
      ["split", one.split],
      one.tags.length > 0 && ["tags", bdi(one.tags.join(", "))],
      ["cluster", bdi(one.cluster)],
      ["line", String(one.line)],
      one.latency_ms != null && ["latency", time(one.latency_ms)],
      one.cost_usd != null && ["cost", "$" + one.cost_usd.toFixed(6)],
    ].filter(Boolean);
    if (one.faults.length) add(left, "What is wrong", sentences(one.faults, "faults"));
    left.append(make("h4", {}, "The case"), make("dl", { class: "facts" }, facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)))));
    if (one.why.length) add(left, one.got == null ? "Why nobody decided" : "Why", sentences(one.why));
    if (one.actions.length) add(left, "Actions", sentences(one.actions));
    if (one.before) add(left, "Since the baseline", sinceBaseline(one));
    if (one.event != null) add(right, "The event, as a judge reads it", block(one.event, "Event"));
    if (one.output != null) add(right, "The judge's output", block(one.output, "Output"));
    if (one.system != null) {
      const text = suite.systems[one.system];
      const fold = make("details", {}, make("summary", {}, "System prompt, " + several(text.length, "character")));
      fold.addEventListener("toggle", () => { if (fold.open && fold.children.length === 1) fold.append(block(text, "System prompt")); });
      right.append(make("h4", {}, "The prompt before it"), fold);
    }
    if (!right.children.length) right.append(make("p", { class: "dim" }, "No judge of this case reads a prompt."));
    return make("div", { class: "case-body" }, left, right);
  }

  function sinceBaseline(one) {
    const says = (run) => said(run.got) + (run.passed ? ", as it should be" : ", not as it should be");
    if (!isChanged(one)) return make("div", { class: "diff" }, make("div", {}, "  ", bdi(says(one)), " (unchanged)"));
    return make("div", { class: "diff" },
      make("div", { class: "gone" }, "− ", make("span", { class: "unseen" }, "before: "), bdi(says(one.before))),
      make("div", { class: "come" }, "+ ", make("span", { class: "unseen" }, "now: "), bdi(says(one))));
  }

  /** The list of a suite's cases, with its filters. Nothing is made before it is looked at. */
  function caseList(panel, suite) {
    const host = panel.querySelector(".cases");
    const columns = [...suite.labels, PERSON];
    const unique = (values) => [...new Set(values)].sort((a, b) => a.localeCompare(b));
    const tags = unique(suite.cases.flatMap((one) => one.tags));
    const splits = unique(suite.cases.map((one) => one.split));
    const NO_FILTER = { show: "all", split: "", tag: "", expected: "", got: "", text: "" };
    const wants = { ...NO_FILTER };
    const states = {
      all: ["All", () => true],
      missed: ["Missed", (one) => !one.passed],
      person: ["Left to a person", (one) => one.got == null],
      changed: ["Changed since the baseline", isChanged],
    };
    const list = make("ol", { class: "list" });
    const counted = make("span", { role: "status" });
    const clear = make("button", { type: "button", class: "clear", onclick: () => set(NO_FILTER) }, "Clear filters");
    const more = make("button", { type: "button", class: "more", onclick: () => extend(true) });
    const empty = make("p", { class: "empty" }, "No case fits these filters.");
    const fields = {};
    const rows = new Map();
    let found = [];
    let shown = 0;
    let started = false;

    function start() {
      if (started) return;
      started = true;
      const choice = make("fieldset", { class: "choice" }, make("legend", { class: "unseen" }, "Show"));
      fields.show = {};
      for (const [key, [name, test]] of Object.entries(states)) {
        const count = suite.cases.filter(test).length;
        if (count === 0 && key !== "all") continue;
        const input = make("input", { type: "radio", name: "show-" + panel.id, value: key, onchange: () => set({ show: key }) });
        fields.show[key] = input;
        choice.append(make("label", {}, input, make("span", {}, name + " " + count)));
      }
      const field = (key, name, options) => {
        if (options.length < 2) return null;
        const select = make("select", { onchange: (event) => set({ [key]: event.target.value }) },
          make("option", { value: "" }, "any"), options.map((option, n) => make("option", { value: n }, plain(option))));
        fields[key] = select;
        return make("label", { class: "field" }, name, select);
      };
      let waiting;
      fields.text = make("input", { type: "search", placeholder: "id, text, reason, output …", oninput: (event) => {
        clearTimeout(waiting);
        waiting = setTimeout(() => set({ text: event.target.value }), 120);
      } });
      host.append(choice,
        make("div", { class: "filters", role: "search" },
          make("label", { class: "field search" }, "Search", fields.text),
          field("expected", "Expected", suite.labels), field("got", "Got", columns), field("tag", "Tag", tags), field("split", "Split", splits)),
        make("p", { class: "count-line" }, counted, clear), list, empty, more);
      set({});
    }

    const searched = new Map();
    function haystack(one) {
      if (!searched.has(one)) {
        searched.set(one, [one.id, one.expected, said(one.got), one.judge, one.event, one.output, ...one.tags, ...one.why, ...one.faults, ...one.actions].filter(Boolean).join("\n").toLowerCase());
      }
      return searched.get(one);
    }

    function fits(one) {
      return states[wants.show][1](one)
        && (wants.expected === "" || one.expected === suite.labels[wants.expected])
        && (wants.got === "" || said(one.got) === columns[wants.got])
        && (wants.tag === "" || one.tags.includes(tags[wants.tag]))
        && (wants.split === "" || one.split === splits[wants.split])
        && (wants.text === "" || haystack(one).includes(wants.text.trim().toLowerCase()));
    }

    function set(change) {
      start();
      Object.assign(wants, change);
      for (const key of ["split", "tag", "expected", "got", "text"]) if (fields[key] && fields[key].value !== wants[key]) fields[key].value = wants[key];
      for (const [key, input] of Object.entries(fields.show)) input.checked = key === wants.show;
      for (const cell of panel.querySelectorAll(".matrix button")) {
        cell.setAttribute("aria-pressed", wants.expected !== "" && wants.got !== "" && cell.dataset.expected === wants.expected && cell.dataset.got === wants.got);
      }
      found = suite.cases.filter(fits);
      list.replaceChildren();
      shown = 0;
      extend();
      const all = suite.cases.length;
      counted.textContent = found.length === all ? several(all, "case") : found.length + " of " + several(all, "case");
      clear.hidden = Object.entries(wants).every(([key, value]) => value === NO_FILTER[key]);
      empty.hidden = found.length > 0;
    }

    function extend(focus) {
      const next = found.slice(shown, shown + PAGE).map(row);
      list.append(...next);
      shown += next.length;
      const left = found.length - shown;
      more.hidden = left === 0;
      more.textContent = "Show " + (left > PAGE ? "the next " + PAGE + " of " + left : several(left, "more case"));
      if (focus && next.length) next[0].querySelector("button").focus();
    }

    function row(one) {
      if (rows.has(one)) return rows.get(one);
      const head = make("button", { type: "button", class: "case-head", "aria-expanded": "false", onclick: () => open(one, head.getAttribute("aria-expanded") !== "true") },
        make("span", { class: "sign " + (one.passed ? "good" : "bad") }, one.passed ? "✓" : "✗", make("span", { class: "unseen" }, one.passed ? "passed" : "missed")),
        make("span", { class: "id", title: plain(one.id) }, bdi(one.id)),
        make("span", { class: "labels" }, one.right ? bdi(one.expected) : [bdi(one.expected), " → ", bdi(said(one.got), kindOf(one))]),
        make("span", { class: "sure" }, one.confidence == null ? "" : sure(one.confidence)),
        make("span", { class: "gist" }, bdi((one.faults[0] || one.event || one.why[0] || "").slice(0, 240))));
      const item = make("li", { class: "case" }, head);
      rows.set(one, item);
      return item;
    }

    function open(one, isOpen) {
      const item = row(one);
      const head = item.firstElementChild;
      head.setAttribute("aria-expanded", isOpen);
      item.classList.toggle("open", isOpen);
      if (isOpen && item.children.length === 1) item.append(details(suite, one));
      if (item.children[1]) item.children[1].hidden = !isOpen;
      if (isOpen) note(panel.id + "/" + encodeURIComponent(one.id));
    }

    /** Opens a case, wherever the filters had left it. */
    function reveal(one) {
      if (!fits(one)) set(NO_FILTER);
      while (shown < found.length && !row(one).isConnected) extend();
      open(one, true);
      row(one).scrollIntoView({ block: "start" });
      row(one).firstElementChild.focus({ preventScroll: true });
    }

    function show(filter) {
      set({ ...NO_FILTER, ...filter });
      host.scrollIntoView({ block: "start" });
      host.focus({ preventScroll: true });
    }

    for (const cell of panel.querySelectorAll(".matrix button")) {
      cell.addEventListener("click", () => show({ expected: cell.dataset.expected, got: cell.dataset.got }));
    }
    for (const button of panel.querySelectorAll("[data-show]")) button.addEventListener("click", () => show({ show: button.dataset.show }));
    for (const plot of panel.querySelectorAll(".plot")) findIn(plot, suite[plot.dataset.plot]);
    return { start, reveal, find: (test) => suite.cases.find(test) };
  }
  const lists = suites.map((suite, n) => caseList(document.getElementById("suite-" + n), suite));

  /* The comparisons: their cases lead to the suite that has them. */
  for (const compared of document.querySelectorAll("[data-of]")) {
    const n = compared.dataset.of;
    for (const cell of n === "" ? [] : compared.querySelectorAll("[data-case]")) {
      const one = lists[n].find((other) => plain(other.id) === cell.dataset.case);
      if (!one) continue;
      cell.replaceChildren(make("button", { type: "button", class: "link", onclick: () => {
        choose(panels[n]);
        lists[n].reveal(one);
      } }, bdi(one.id)));
    }
    for (const input of compared.querySelectorAll(".choice input")) {
      input.addEventListener("change", () => {
        for (const row of compared.querySelectorAll(".changed tbody tr")) row.hidden = input.value !== "all" && !row.classList.contains(input.value);
      });
    }
  }

  for (const link of document.querySelectorAll("a[data-suite]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(panels[link.dataset.suite]);
      note(panels[link.dataset.suite].id);
      panels[link.dataset.suite].scrollIntoView({ block: "start" });
    });
  }

  function follow() {
    const [place, id] = location.hash.slice(1).split("/");
    const panel = panels.find((other) => other.id === place) || panels[0];
    if (!panel) return;
    choose(panel);
    let wanted;
    try { wanted = id && decodeURIComponent(id); } catch { return; }
    const one = wanted && panel.dataset.suite && lists[panel.dataset.suite].find((other) => other.id === wanted);
    if (one) lists[panel.dataset.suite].reveal(one);
  }
  addEventListener("hashchange", follow);
  follow();
})();
