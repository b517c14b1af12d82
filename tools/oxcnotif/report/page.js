"use strict";
(() => {
  // ---- copying filters ----
  const copyText = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");  // a page from a file has no clipboard of its own
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    await copyText(button.dataset.copy);
    button.focus();
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });

  // ---- tables that can be sorted ----
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  };
  const compare = (a, b) => (typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1);
  for (const head of document.querySelectorAll(".sortable thead th:not(.plain)")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const body = head.closest("table").tBodies[0], column = head.cellIndex;
      for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => compare(value(a, column), value(b, column)) * (down ? -1 : 1));
      body.append(...rows);
    });
  }

  // ---- time lines ----
  const shown = (seconds) => {
    if (seconds === 0) return "0";
    if (Math.abs(seconds) < 1) return `${Number((seconds * 1000).toPrecision(3))} ms`;
    return `${Number(seconds.toPrecision(Math.max(3, Math.ceil(Math.log10(seconds + 1)) + 1)))} s`;
  };
  for (const figure of document.querySelectorAll(".timeline")) {
    const plot = figure.querySelector(".plot"), svg = plot.querySelector("svg"), axis = plot.querySelector(".axis");
    const whole = svg.viewBox.baseVal.width, height = svg.viewBox.baseVal.height, span = Number(figure.dataset.span);
    let left = 0, width = whole;
    const draw = () => {
      width = Math.min(whole, Math.max(whole / 5000, width));
      left = Math.min(whole - width, Math.max(0, left));
      svg.setAttribute("viewBox", `${left} 0 ${width} ${height}`);
      axis.replaceChildren(...Array.from({ length: 6 }, (_, tick) => {
        const label = document.createElement("span");
        label.style.left = `${tick * 20}%`;
        label.textContent = shown(((left + width * tick / 5) / whole) * span);
        return label;
      }));
    };
    const zoom = (factor, at = 0.5) => { left += width * at * (1 - factor); width *= factor; draw(); };
    const actions = {
      in: () => zoom(0.5), out: () => zoom(2), all: () => { left = 0; width = whole; draw(); },
      left: () => { left -= width / 4; draw(); }, right: () => { left += width / 4; draw(); },
    };
    const keys = { "+": "in", "=": "in", "-": "out", "0": "all", Home: "all", ArrowLeft: "left", ArrowRight: "right" };
    figure.addEventListener("click", (event) => { actions[event.target.dataset.do]?.(); });
    plot.addEventListener("keydown", (event) => {
      if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
      actions[keys[event.key]]();
      event.preventDefault();
    });
    plot.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      const box = svg.getBoundingClientRect();
      zoom(event.deltaY < 0 ? 0.8 : 1.25, (event.clientX - box.left) / box.width);
      event.preventDefault();
    }, { passive: false });
    plot.addEventListener("pointerdown", (event) => {
      const from = event.clientX, before = left, box = svg.getBoundingClientRect();
      const move = (moved) => { left = before - ((moved.clientX - from) / box.width) * width; draw(); };
      const end = () => { plot.removeEventListener("pointermove", move); };
      plot.addEventListener("pointermove", move);
      addEventListener("pointerup", end, { once: true });
    });
  }

  // ---- print: all details are open ----
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll(".finding details:not([open])")];
    for (const details of closed) details.open = true;
  });
  addEventListener("afterprint", () => { for (const details of closed) details.open = false; });
})();
