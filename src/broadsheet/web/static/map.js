// The map: walking in it, finding, framing. The list of regions below it says the same without.
"use strict";

(() => {
  const section = document.getElementById("map");
  const field = section.querySelector(".field");
  const ground = section.querySelector(".ground");
  const above = section.querySelector(".above");
  const tip = section.querySelector(".tip");
  const hint = section.querySelector(".hint");
  const chosen = document.getElementById("chosen");
  const finder = document.getElementById("find");
  const found = document.getElementById("found");
  const said = document.getElementById("said");
  const paper = ground.getContext("2d", { alpha: false });
  const pen = above.getContext("2d");

  const side = 65536; // of the map, in its own units
  const cells = 256; // on a side of the grid that points are sorted into
  const told = 50; // papers asked for at a time, and at most in an interest
  const pause = 120; // milliseconds without a key before asking
  const nearby = 14; // pixels within which a point is meant
  const grain = 3; // pixels between the corners of a line drawn by hand
  const deepest = 250; // times the whole

  // Points, sorted by cell of the grid: a row of cells that is seen is one run of them.
  let numbers, xs, ys, regionOf, own, lit, starts, count, regions, order;
  let litCount = 0, ownCount = 0;
  let wholeView = true;
  let width = 0, height = 0, ratio = 1; // of the field in CSS pixels; device pixels to each
  let at = { x: side / 2, y: side / 2, k: 1 }; // the middle, and pixels a unit
  let k0 = 1; // pixels a unit where all is seen
  // What is framed, in units: { x0, y0, x1, y1 }; drawn by hand, with the corners of its line too.
  let frame = null;
  let marked = -1; // the point under the pointer, or chosen
  let framing = ""; // what dragging does instead of moving: "frame", "lasso"
  let pixels, image, heat, waiting = false;
  let palette = null;
  let labels = { k: 0, placed: [] };

  // --- Drawing ---------------------------------------------------------------------------------

  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => {
      pen.fillStyle = style.getPropertyValue(name).trim();
      return pen.fillStyle;
    };
    const rgb = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
    const [page, ink, accent, soft] = ["--paper", "--ink", "--accent", "--soft"].map(get);
    const [from, to, hot] = [page, ink, accent].map(rgb);
    const mixed = (share) => {
      const [r, g, b] = from.map((value, i) => Math.round(value + (to[i] - value) * share));
      return (255 << 24) | (b << 16) | (g << 8) | r;
    };
    // How dark a pixel is by what lies on it: the first point shows, many are not much darker.
    const shades = (most) => Uint32Array.from({ length: 256 }, (_, n) =>
      mixed(n ? most * (0.22 + 0.78 * (1 - Math.exp(-n / 26))) : 0));
    palette = {
      page, ink, accent, soft,
      full: shades(0.82),
      faint: shades(0.34),
      hot: (255 << 24) | (hot[2] << 16) | (hot[1] << 8) | hot[0],
    };
  };

  const resize = () => {
    const box = field.getBoundingClientRect();
    width = Math.max(1, Math.round(box.width));
    height = Math.max(1, Math.round(box.height));
    ratio = Math.min(2, devicePixelRatio || 1);
    for (const canvas of [ground, above]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    image = paper.createImageData(ground.width, ground.height);
    pixels = new Uint32Array(image.data.buffer);
    heat = new Uint8Array(pixels.length);
    const before = k0;
    k0 = Math.min(width, height) / side;
    at.k *= k0 / before;
    draw();
  };

  // The offsets of a disc's pixels, by its width in device pixels.
  const discs = new Map();
  const disc = (size, stride) => {
    const key = size * 65536 + stride;
    if (!discs.has(key)) {
      const offsets = [];
      const middle = (size - 1) / 2;
      const first = Math.floor(middle);
      for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) {
        const isIn = size < 4 || (x - middle) ** 2 + (y - middle) ** 2 <= (size / 2) ** 2;
        if (isIn) offsets.push((y - first) * stride + x - first);
      }
      discs.set(key, Int32Array.from(offsets));
    }
    return discs.get(key);
  };

  const zoom = () => at.k / k0;
  // In device pixels: few points are larger than many, near ones than far ones.
  const room = () => Math.min(5, Math.max(1, 0.16 * Math.sqrt((width * height) / count)));
  const sizeOf = () => Math.min(9, Math.round((room() + 0.75 * Math.log2(Math.max(1, zoom()))) * ratio));

  const points = () => {
    const w = ground.width, h = ground.height, k = at.k * ratio;
    const left = at.x - w / 2 / k, top = at.y - h / 2 / k;
    const size = sizeOf(), margin = size, dense = room() > 1.5 ? 3 : 1;
    const heavy = 24 * dense, light = 12 * dense;
    const dots = disc(size, w);
    // Few that are lit are large; thousands are not, or they would be one spot.
    const brightCount = litCount || (wholeView ? 0 : ownCount);
    const hots = disc(Math.min(9, size + Math.round((brightCount < 3000 ? 2 : 1) * ratio)), w);
    const first = (value) => Math.max(0, Math.min(cells - 1, Math.floor(value / cells)));
    const cx0 = first(left), cx1 = first(left + w / k), cy0 = first(top), cy1 = first(top + h / k);
    const shades = litCount || !wholeView ? palette.faint : palette.full;
    // What no point lies on is filled at once; the rest is painted as it is met.
    heat.fill(0);
    pixels.fill(shades[0]);
    const shines = litCount ? lit : wholeView ? null : own;
    const bright = [];
    for (let cy = cy0; cy <= cy1; cy++) {
      const end = starts[cy * cells + cx1 + 1];
      for (let i = starts[cy * cells + cx0]; i < end; i++) {
        const x = ((xs[i] - left) * k) | 0, y = ((ys[i] - top) * k) | 0;
        if (x < margin || y < margin || x >= w - margin || y >= h - margin) continue;
        const place = y * w + x;
        if (shines !== null && shines[i]) bright.push(place);
        const weight = own[i] ? heavy : light;
        for (let d = 0; d < dots.length; d++) {
          const here = place + dots[d];
          const sum = Math.min(255, heat[here] + weight);
          heat[here] = sum;
          pixels[here] = shades[sum];
        }
      }
    }
    const edge = w * (h - 6);
    for (const place of bright) {
      if (place < w * 6 || place > edge) continue;
      for (let d = 0; d < hots.length; d++) pixels[place + hots[d]] = palette.hot;
    }
    paper.putImageData(image, 0, 0);
  };

  const fonts = ["600 15px", "500 13.5px", "italic 13px"];
  const serif = getComputedStyle(document.body).fontFamily;
  const isShown = (level) => {
    const z = zoom();
    return level === 0 ? z < 5 : level === 1 ? z >= 1.35 && z < 18 : z >= 3.5;
  };

  // A name's lines and how much room they take, measured once.
  const written = (region) => {
    if (region.sign) return region.sign;
    const lines = region.name.split(" · ");
    const font = `${fonts[region.level]} ${serif}`;
    pen.font = font;
    const wide = Math.ceil(Math.max(...lines.map((line) => pen.measureText(line).width))) + 10;
    const high = lines.length * 17 + 4;
    region.sign = { wide, high, lines, font, level: region.level };
    return region.sign;
  };
  // Names that do not lie on one another, by where they are on the whole map at this scale: none
  // comes or goes while one only moves.
  const place = () => {
    if (labels.k === at.k) return labels.placed;
    const placed = [];
    for (const region of regions) {
      if (!isShown(region.level)) continue;
      const sign = written(region);
      const { wide, high } = sign;
      const x = region.x * at.k, y = region.y * at.k;
      let isFree = true;
      for (let i = 0; isFree && i < placed.length; i++) {
        const other = placed[i];
        isFree = Math.abs(other.x - x) * 2 >= other.wide + wide || Math.abs(other.y - y) * 2 >= other.high + high;
      }
      if (isFree) placed.push({ x, y, wide, high, sign });
    }
    labels = { k: at.k, placed };
    return placed;
  };

  const toScreen = (x, y) => [(x - at.x) * at.k + width / 2, (y - at.y) * at.k + height / 2];
  const toMap = (x, y) => [(x - width / 2) / at.k + at.x, (y - height / 2) / at.k + at.y];

  const overlay = () => {
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const label of place()) {
      let [x, y] = toScreen(label.x / at.k, label.y / at.k);
      if (x < -label.wide / 2 || y < -label.high || x > width + label.wide / 2 || y > height + label.high) continue;
      // A name whose place is in view stands whole in it, where it fits.
      if (x >= 0 && x <= width && label.wide < width) x = Math.min(Math.max(x, label.wide / 2), width - label.wide / 2);
      const { sign } = label;
      pen.font = sign.font;
      sign.lines.forEach((line, i) => {
        const down = y + (i - (sign.lines.length - 1) / 2) * 17;
        pen.strokeStyle = palette.page;
        pen.lineWidth = 5;
        pen.globalAlpha = 0.85;
        pen.strokeText(line, x, down);
        pen.globalAlpha = 1;
        pen.fillStyle = sign.level ? palette.ink : palette.accent;
        pen.fillText(line, x, down);
      });
    }
    if (marked >= 0) {
      const [x, y] = toScreen(xs[marked], ys[marked]);
      pen.strokeStyle = palette.accent;
      pen.lineWidth = 2;
      pen.beginPath();
      pen.arc(x, y, 7, 0, 2 * Math.PI);
      pen.stroke();
    }
    if (frame) {
      const { x0, y0, x1, y1 } = frame;
      pen.beginPath();
      for (const [x, y] of frame.line || [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]) pen.lineTo(...toScreen(x, y));
      pen.closePath();
      pen.fillStyle = palette.accent;
      pen.globalAlpha = 0.08;
      pen.fill("evenodd");
      pen.globalAlpha = 1;
      pen.strokeStyle = palette.accent;
      pen.lineWidth = 1.5;
      pen.stroke();
    }
    if (document.activeElement === field) {
      // Where the keyboard is.
      pen.strokeStyle = palette.accent;
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.moveTo(width / 2 - 7, height / 2);
      pen.lineTo(width / 2 + 7, height / 2);
      pen.moveTo(width / 2, height / 2 - 7);
      pen.lineTo(width / 2, height / 2 + 7);
      pen.stroke();
    }
  };

  const draw = () => {
    if (waiting || !numbers) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      points();
      overlay();
      section.dataset.zoom = zoom().toFixed(2);
    });
  };

  // --- Moving ----------------------------------------------------------------------------------

  const held = () => {
    at.k = Math.min(Math.max(at.k, k0 * 0.8), k0 * deepest);
    at.x = Math.min(Math.max(at.x, 0), side);
    at.y = Math.min(Math.max(at.y, 0), side);
    draw();
  };
  const zoomBy = (factor, x = width / 2, y = height / 2) => {
    const [mx, my] = toMap(x, y);
    at.k = Math.min(Math.max(at.k * factor, k0 * 0.8), k0 * deepest);
    at.x = mx - (x - width / 2) / at.k;
    at.y = my - (y - height / 2) / at.k;
    held();
  };
  const moveBy = (dx, dy) => {
    at.x += dx / at.k;
    at.y += dy / at.k;
    held();
  };
  const whole = () => {
    at = { x: side / 2, y: side / 2, k: k0 };
    held();
  };
  const isWithin = (region, number) => {
    for (let one = region; one >= 0; one = regions[one].within) if (one === number) return true;
    return false;
  };
  const focusOn = (number) => {
    const some = [];
    for (let i = 0; i < count; i++) if (isWithin(regionOf[i], number)) some.push(i);
    if (!some.length) return;
    const bounds = (values) => {
      const sorted = some.map((i) => values[i]).sort((a, b) => a - b);
      return [sorted[Math.floor(sorted.length * 0.04)], sorted[Math.floor(sorted.length * 0.96)]];
    };
    const [x0, x1] = bounds(xs), [y0, y1] = bounds(ys);
    at = { x: (x0 + x1) / 2, y: (y0 + y1) / 2, k: Math.min(width / (x1 - x0 + 900), height / (y1 - y0 + 900)) };
    held();
  };

  // --- Points ----------------------------------------------------------------------------------

  const nearest = (x, y) => {
    const [mx, my] = toMap(x, y);
    const reach = nearby / at.k;
    const cell = (value) => Math.max(0, Math.min(cells - 1, Math.floor(value / cells)));
    let best = -1, least = reach * reach;
    for (let cy = cell(my - reach); cy <= cell(my + reach); cy++) {
      const end = starts[cy * cells + cell(mx + reach) + 1];
      for (let i = starts[cy * cells + cell(mx - reach)]; i < end; i++) {
        const away = (xs[i] - mx) ** 2 + (ys[i] - my) ** 2;
        if (own[i] && away < least) [best, least] = [i, away];
      }
    }
    return best;
  };
  // Whether a place is within a closed line: the way to it from the left crosses it an odd number of
  // times.
  const isInside = (line, x, y) => {
    let inside = false;
    for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
      const [ax, ay] = line[i], [bx, by] = line[j];
      if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) inside = !inside;
    }
    return inside;
  };
  const framed = () => {
    const some = [];
    const { x0, y0, x1, y1, line } = frame;
    const cell = (value) => Math.max(0, Math.min(cells - 1, Math.floor(value / cells)));
    for (let cy = cell(y0); cy <= cell(y1); cy++) {
      const end = starts[cy * cells + cell(x1) + 1];
      for (let i = starts[cy * cells + cell(x0)]; i < end; i++) {
        if (!own[i] || (litCount && !lit[i])) continue;
        const x = xs[i], y = ys[i];
        if (x < x0 || x > x1 || y < y0 || y > y1) continue;
        if (!line || isInside(line, x, y)) some.push(i);
      }
    }
    return some;
  };

  const known = new Map();
  const ask = async (some) => {
    const missing = some.filter((i) => !known.has(numbers[i]));
    if (missing.length) {
      const answer = await fetch(`/map/papers?n=${missing.map((i) => numbers[i]).join(",")}`);
      if (!answer.ok) throw new Error(answer.statusText);
      for (const one of (await answer.json()).papers) known.set(one.number, one);
    }
    return some.map((i) => known.get(numbers[i])).filter(Boolean);
  };

  // --- What is said of points ------------------------------------------------------------------

  const made = (tag, attributes, ...inside) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...inside); // titles are text, whatever they say
    return element;
  };
  const thin = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const counted = (value, thing) => `${thin(value)} ${thing}${value === 1 ? "" : "s"}`;
  const about = (one) => [one.by, one.day].filter(Boolean).join(" · ");

  let turn = 0; // the newest thing chosen: answers to older ones are dropped
  let hovering = 0;
  const clear = () => {
    turn++;
    clearTimeout(hovering);
    frame = null;
    marked = -1;
    tip.hidden = true;
    chosen.replaceChildren();
    chosen.hidden = true;
    hint.hidden = false;
    delete section.dataset.framed;
    draw();
  };
  const choose = async (i) => {
    clear();
    marked = i;
    draw();
    const mine = turn;
    const [one] = await ask([i]).catch(() => []);
    if (mine !== turn || !one) return;
    const region = regions[regionOf[i]];
    chosen.replaceChildren(
      made("h2", {}, made("a", { href: one.to }, one.title)),
      made("p", {}, about(one)),
      made("p", { class: "hint" }, "Lies in ", made("a", { href: regionAddress(regionOf[i]) }, region.name)),
    );
    chosen.hidden = false;
    hint.hidden = true;
    said.textContent = `${one.title}. Enter opens it.`;
  };
  const regionAddress = (number) => {
    const params = new URLSearchParams(section.dataset.view ? { of: section.dataset.view } : {});
    params.set("region", number);
    return `/map?${params}`;
  };

  const nameFor = (some) => {
    const seen = new Map();
    for (const i of some) seen.set(regionOf[i], (seen.get(regionOf[i]) || 0) + 1);
    const [most] = [...seen].sort((a, b) => b[1] - a[1])[0];
    return regions[most].name.split(" · ").join(", ");
  };
  const brush = async () => {
    const some = framed();
    section.dataset.framed = some.length;
    marked = -1;
    tip.hidden = true;
    const title = made("h2", { tabindex: "-1" }, `${counted(some.length, "paper")} ${frame.line ? "within the line" : "in the frame"}`);
    chosen.hidden = false;
    hint.hidden = true;
    chosen.replaceChildren(title);
    said.textContent = title.textContent;
    draw();
    if (!some.length) return;
    const mine = ++turn;
    const step = Math.max(1, some.length / told);
    const speakers = Array.from({ length: Math.min(told, some.length) }, (_, i) => some[Math.floor(i * step)]);
    const papers = await ask(speakers).catch(() => []);
    if (mine !== turn) return;
    const list = made("ul", { class: "ticks" });
    for (const one of papers) {
      list.append(made("li", {},
        made("label", {},
          made("input", { type: "checkbox", name: "for", value: one.id, checked: "" }),
          made("span", {}, one.title)),
        made("a", { href: one.to, "aria-label": `Open ${one.title}` }, "open")));
    }
    const form = made("form", { action: "/interests/new", method: "post" },
      made("label", { for: "interest-name" }, "Name"),
      made("input", { id: "interest-name", name: "name", value: nameFor(some), maxlength: "100", required: "" }),
      made("button", {}, "Make an interest of these"));
    if (some.length > papers.length) {
      form.append(made("p", { class: "hint" }, `These ${papers.length}, evenly drawn, stand for them; untick what does not belong.`));
    }
    form.append(list);
    chosen.append(form);
  };

  // --- Finding ---------------------------------------------------------------------------------

  const lightUp = (some) => {
    lit.fill(0);
    litCount = 0;
    for (const number of some) {
      const i = indexOf(number);
      if (i >= 0 && !lit[i]) {
        lit[i] = 1;
        litCount++;
      }
    }
    section.dataset.lit = litCount;
    if (frame) brush();
    draw();
  };
  let sorted, whereIs; // numbers as they came, and where each now is
  const indexOf = (number) => {
    let low = 0, high = count - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] === number) return whereIs[middle];
      if (sorted[middle] < number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  };
  let timer = 0, finding = null;
  const find = async () => {
    finding?.abort();
    const text = finder.value.trim();
    if (!text) {
      found.textContent = "";
      lightUp([]);
      return;
    }
    const mine = (finding = new AbortController());
    let answer;
    try {
      answer = await fetch(`/map/papers?${new URLSearchParams({ find: text })}`, { signal: mine.signal });
      if (!answer.ok) return;
      answer = await answer.json();
    } catch {
      return; // overtaken, or the server is gone: what is drawn stays
    }
    if (mine !== finding) return;
    lightUp(answer.numbers);
    found.textContent = litCount ? `${counted(litCount, "paper")} lit` : "None on the map has these words.";
  };
  finder.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, pause);
  });

  // --- Hands -----------------------------------------------------------------------------------

  const hands = new Map(); // pointers that are down
  let from = null; // where the first went down, and whether it has moved since
  const where = (event) => {
    const box = field.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const frameTo = (x, y) => {
    const [x0, y0] = toMap(from.x, from.y), [x1, y1] = toMap(x, y);
    frame = { x0: Math.min(x0, x1), y0: Math.min(y0, y1), x1: Math.max(x0, x1), y1: Math.max(y0, y1) };
    draw();
  };
  // The line that a hand draws; it is closed by a straight one.
  const lineTo = (x, y) => {
    if (!frame?.line || from.line !== frame.line) {
      const [x0, y0] = toMap(from.x, from.y);
      from.line = [[x0, y0]];
      frame = { x0, y0, x1: x0, y1: y0, line: from.line };
    }
    const [mx, my] = toMap(x, y), [lx, ly] = from.line.at(-1);
    if (Math.hypot(mx - lx, my - ly) * at.k < grain) return;
    from.line.push([mx, my]);
    frame.x0 = Math.min(frame.x0, mx);
    frame.y0 = Math.min(frame.y0, my);
    frame.x1 = Math.max(frame.x1, mx);
    frame.y1 = Math.max(frame.y1, my);
    draw();
  };
  field.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    field.focus({ preventScroll: true });
    field.setPointerCapture(event.pointerId);
    const [x, y] = where(event);
    hands.set(event.pointerId, [x, y]);
    from = { x, y, moved: false, frames: event.shiftKey ? "frame" : event.altKey ? "lasso" : framing };
  });
  field.addEventListener("pointermove", (event) => {
    const [x, y] = where(event);
    const before = hands.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") hover(x, y);
      return;
    }
    if (hands.size === 2) {
      // Two fingers: what is between them stays between them.
      const [other] = [...hands].filter(([id]) => id !== event.pointerId).map(([, one]) => one);
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      zoomBy(apart([x, y]) / apart(before), (x + other[0]) / 2, (y + other[1]) / 2);
      moveBy((before[0] - x) / 2, (before[1] - y) / 2);
      from.moved = true;
      from.frames = "";
      // One finger had begun a line: two are there to move.
      if (from.line) {
        from.line = null;
        frame = null;
      }
    } else {
      from.moved ||= Math.hypot(x - from.x, y - from.y) > 4;
      if (from.moved && from.frames === "lasso") lineTo(x, y);
      else if (from.moved && from.frames) frameTo(x, y);
      else if (from.moved) moveBy(before[0] - x, before[1] - y);
    }
    hands.set(event.pointerId, [x, y]);
  });
  field.addEventListener("pointerup", (event) => {
    const isLast = hands.delete(event.pointerId) && !hands.size;
    if (!isLast || !from) return;
    if (from.moved && from.frames) brush();
    else if (!from.moved) {
      const i = nearest(...where(event));
      if (i >= 0) choose(i);
      else clear();
    }
    from = null;
  });
  field.addEventListener("pointercancel", (event) => {
    hands.delete(event.pointerId);
    from = null;
  });
  const hover = (x, y) => {
    const i = nearest(x, y);
    field.classList.toggle("on-point", i >= 0);
    if (frame || i === marked) return;
    if (!chosen.hidden) return; // something is chosen: it stays marked
    marked = i;
    draw();
    clearTimeout(hovering);
    tip.hidden = true;
    if (i < 0) return;
    hovering = setTimeout(async () => {
      const [one] = await ask([i]).catch(() => []);
      if (!one || marked !== i || !chosen.hidden) return;
      tip.textContent = one.title;
      tip.hidden = false;
      const box = tip.getBoundingClientRect();
      tip.style.left = `${Math.min(Math.max(8, x - box.width / 2), width - box.width - 8)}px`;
      tip.style.top = `${y > box.height + 24 ? y - box.height - 14 : y + 18}px`;
    }, 60);
  };
  field.addEventListener("pointerleave", () => {
    clearTimeout(hovering);
    tip.hidden = true;
    if (chosen.hidden && marked >= 0) {
      marked = -1;
      draw();
    }
  });
  field.addEventListener("wheel", (event) => {
    // Until the map is in use the wheel turns the page.
    if (document.activeElement !== field && !event.ctrlKey) return;
    event.preventDefault();
    const [x, y] = where(event);
    const lines = event.deltaMode ? 30 : 1;
    zoomBy(Math.exp(Math.min(Math.max(-event.deltaY * lines, -200), 200) / 300), x, y);
  }, { passive: false });
  field.addEventListener("dblclick", (event) => zoomBy(2, ...where(event)));
  for (const name of ["focus", "blur"]) field.addEventListener(name, draw);

  const step = 60;
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  // The frame grows from the cross in the middle, a step a key, on the side of the key.
  const grow = (dx, dy) => {
    const by = step / 2 / at.k;
    if (!frame || frame.line) frame = { x0: at.x, y0: at.y, x1: at.x, y1: at.y };
    if (dx < 0) frame.x0 -= by;
    if (dx > 0) frame.x1 += by;
    if (dy < 0) frame.y0 -= by;
    if (dy > 0) frame.y1 += by;
    section.dataset.framed = framed().length;
    said.textContent = `${counted(framed().length, "paper")} in the frame; Enter lists them.`;
    draw();
  };
  const announce = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const i = nearest(width / 2, height / 2);
      const region = i >= 0 ? regions[regionOf[i]].name : "open ground";
      said.textContent = `${region}, ${zoom().toFixed(1)} times the whole`;
    }, 400);
  };
  field.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const way = ways[event.key];
    if (way && event.shiftKey) grow(...way);
    else if (way) moveBy(way[0] * step, way[1] * step);
    else if (event.key === "+" || event.key === "=") zoomBy(1.4);
    else if (event.key === "-") zoomBy(1 / 1.4);
    else if (event.key === "0" || event.key === "Home") whole();
    else if (event.key === "Escape") clear();
    else if (event.key === "Enter") {
      if (frame) brush().then(() => chosen.querySelector("h2")?.focus());
      else {
        const i = nearest(width / 2, height / 2);
        const open = chosen.querySelector("h2 a");
        if (i >= 0 && i === marked && open) location.assign(open.href);
        else if (i >= 0) choose(i);
        else said.textContent = "No paper lies at the cross.";
      }
    } else return;
    event.preventDefault();
    event.stopPropagation(); // j, k and the like are for lists
    if (way && !event.shiftKey) announce();
  });

  const press = (name, act) => section.querySelector(`[data-act=${name}]`).addEventListener("click", act);
  press("in", () => zoomBy(1.6));
  press("out", () => zoomBy(1 / 1.6));
  press("whole", whole);
  const framings = ["frame", "lasso"];
  for (const way of framings) {
    press(way, () => {
      framing = framing === way ? "" : way;
      for (const one of framings) {
        section.querySelector(`[data-act=${one}]`).setAttribute("aria-pressed", String(framing === one));
      }
      field.classList.toggle("framing", framing !== "");
    });
  }

  // --- Reading the file ------------------------------------------------------------------------

  const read = (buffer) => {
    const head = new DataView(buffer);
    if (head.getUint32(0, false) !== 0x42534d31) throw new Error("not a map"); // BSM1
    count = head.getUint32(4, true);
    ownCount = head.getUint32(8, true);
    wholeView = ownCount === count;
    const length = head.getUint32(12, true);
    const text = new TextDecoder().decode(new Uint8Array(buffer, 16, length));
    regions = JSON.parse(text).map(([level, within, name, papers, x, y]) => ({ level, within, name, papers, x, y }));
    let start = 16 + length;
    sorted = new Uint32Array(buffer, start, count);
    const places = new Uint16Array(buffer, (start += 4 * count), 2 * count);
    const region = new Uint16Array(buffer, (start += 4 * count), count);
    const owned = new Uint8Array(buffer, start + 2 * count, count);
    const cellOf = (i) => (places[2 * i + 1] >> 8) * cells + (places[2 * i] >> 8);
    starts = new Uint32Array(cells * cells + 1);
    for (let i = 0; i < count; i++) starts[cellOf(i) + 1]++;
    for (let cell = 0; cell < cells * cells; cell++) starts[cell + 1] += starts[cell];
    const next = starts.slice();
    [numbers, xs, ys, regionOf, own, lit, whereIs] = [
      Uint32Array, Uint16Array, Uint16Array, Uint16Array, Uint8Array, Uint8Array, Uint32Array,
    ].map((Kind) => new Kind(count));
    for (let i = 0; i < count; i++) {
      const to = next[cellOf(i)]++;
      whereIs[i] = to;
      numbers[to] = sorted[i];
      xs[to] = places[2 * i];
      ys[to] = places[2 * i + 1];
      regionOf[to] = region[i];
      own[to] = owned[i];
    }
  };
  const begin = async () => {
    section.hidden = false;
    colours();
    let buffer;
    try {
      const answer = await fetch(section.dataset.points);
      if (!answer.ok) throw new Error(answer.statusText);
      buffer = await answer.arrayBuffer();
    } catch {
      section.hidden = true; // the list of regions is there
      return;
    }
    read(buffer);
    resize();
    new ResizeObserver(resize).observe(field);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      colours();
      draw();
    });
    if (section.dataset.region) focusOn(Number(section.dataset.region));
    section.dataset.ready = "true";
    if (finder.value.trim() && wholeView) find();
  };
  begin();
})();
