"use strict";
// Without this script the page is whole but for the player; with it tables sort and points of figures say what they are.

// Tables: every column head becomes a button that sorts by its column, first up, then down.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
      };
      const numeric = head.classList.contains("number");
      const rows = [...body.rows];
      rows.sort((a, b) => {
        const [left, right] = [key(a), key(b)];
        if (numeric) {
          // What is no number comes last in both orders.
          const [no, neither] = [typeof left === "string", typeof right === "string"];
          if (no || neither) return no - neither;
          return down ? right - left : left - right;
        }
        const order = String(left).localeCompare(String(right), undefined, { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });
}

// Points of figures: what they are, on hover and on focus.
const tip = document.createElement("div");
tip.id = "tip";
tip.setAttribute("role", "tooltip");
tip.hidden = true;
document.body.append(tip);
const hideTip = () => { tip.hidden = true; };
for (const target of document.querySelectorAll(".drawing .target")) {
  const title = target.querySelector("title");
  const text = title.textContent;
  title.remove();
  target.setAttribute("tabindex", "0");
  target.setAttribute("role", "img");
  target.setAttribute("aria-label", text);
  const show = () => {
    tip.textContent = text;
    tip.hidden = false;
    const place = target.getBoundingClientRect();
    const left = Math.min(place.right + 8, document.documentElement.clientWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, left) + window.scrollX}px`;
    tip.style.top = `${Math.max(4, place.top - tip.offsetHeight - 4) + window.scrollY}px`;
  };
  target.addEventListener("pointerenter", show);
  target.addEventListener("focus", show);
  target.addEventListener("pointerleave", hideTip);
  target.addEventListener("blur", hideTip);
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

// The player.
const source = document.getElementById("player-data");
if (source) startPlayer(JSON.parse(source.textContent));

function startPlayer(data) {
  const part = (id) => document.getElementById(`player-${id}`);
  const box = part("box"), play = part("play"), slider = part("time"), readout = part("readout");
  const sequences = part("sequence"), models = part("model");
  const images = new Map();
  let frame = 0, timer = null;

  const option = (label, value) => new Option(label, value);
  sequences.append(...data.sequences.map((sequence, k) => option(sequence.label, k)));
  const sequence = () => data.sequences[Number(sequences.value)];
  const model = () => sequence().models[Number(models.value)];

  // Images are decoded when they are first shown.
  function image(address) {
    if (!images.has(address)) {
      const picture = new Image();
      picture.addEventListener("load", draw);
      picture.src = address;
      images.set(address, picture);
    }
    return images.get(address);
  }

  function paint(id, address, name, words) {
    const canvas = part(id), { width, height, rows } = sequence();
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    part(`${id}-name`).textContent = name;
    canvas.setAttribute("aria-label", words);
    const [low, high] = id === "error" ? sequence().error : sequence().field;
    part(`${id}-low`).textContent = low;
    part(`${id}-high`).textContent = high;
    const picture = image(address);
    if (!picture.complete || !picture.naturalWidth) return;
    const left = Math.floor(frame / rows) * width, top = (frame % rows) * height;
    canvas.getContext("2d").drawImage(picture, left, top, width, height, 0, 0, width, height);
  }

  function draw() {
    const shown = sequence(), chosen = model();
    const at = `t = ${shown.times[frame]} s`, error = chosen.relative[frame];
    paint("fe", shown.fe, "FE", `${data.quantity} by FE at ${at}`);
    paint("field", chosen.field, chosen.label, `${data.quantity} by ${chosen.label} at ${at}`);
    const words = error === null ? "no finite relative error" : `relative error ${error}`;
    paint("error", chosen.error, `Error: ${error === null ? "–" : error}`, `error of ${chosen.label} at ${at}, ${words}`);
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `${at}, ${words}`);
    readout.textContent = at;
    box.dataset.frame = frame;
    box.dataset.ready = ["fe", "field", "error"].every((id) => image(id === "fe" ? shown.fe : chosen[id]).complete);
  }

  function go(to) {
    const last = sequence().times.length - 1;
    frame = Math.min(Math.max(to, 0), last);
    draw();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    box.dataset.playing = "false";
  }

  function toggle() {
    if (timer !== null) return stop();
    const count = sequence().times.length;
    const pause = Math.min(Math.max(6000 / count, 60), 400);
    if (frame === count - 1) go(0);
    timer = setInterval(() => (frame + 1 < sequence().times.length ? go(frame + 1) : stop()), pause);
    play.textContent = "Stop";
    box.dataset.playing = "true";
  }

  function choose() {
    const before = models.selectedOptions[0] && models.selectedOptions[0].textContent;
    const labels = sequence().models.map((one) => one.label);
    models.replaceChildren(...labels.map((label, k) => option(label, k)));
    models.value = Math.max(0, labels.indexOf(before));
    slider.max = sequence().times.length - 1;
    go(frame);
  }

  sequences.addEventListener("change", () => { stop(); choose(); });
  models.addEventListener("change", draw);
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  play.addEventListener("click", toggle);
  const moves = {
    ArrowLeft: () => go(frame - 1), ArrowRight: () => go(frame + 1),
    Home: () => go(0), End: () => go(Infinity), " ": toggle,
  };
  box.addEventListener("keydown", (event) => {
    // Choices and the button have keys of their own.
    const own = event.target.tagName === "SELECT" || (event.target === play && event.key === " ");
    if (own || event.ctrlKey || event.altKey || event.metaKey || !(event.key in moves)) return;
    event.preventDefault();
    if (event.key !== " ") stop();
    moves[event.key]();
  });
  box.tabIndex = 0;
  box.hidden = false;
  choose();
}
