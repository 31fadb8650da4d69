"use strict";
// Draws the page's charts, one after the other, so that the page can be read while they come.
(() => {
  const ink = "currentColor", font = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
  const axis = { labelColor: ink, titleColor: ink, domainColor: ink, tickColor: ink, gridColor: ink, gridOpacity: 0.14, domainOpacity: 0.5, tickOpacity: 0.5, labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal" };
  const config = {
    background: null, font, axis, view: { stroke: null },
    legend: { labelColor: ink, titleColor: ink, labelFontSize: 11, symbolType: "square" },
    rule: { color: ink }, text: { color: ink },
    style: { "guide-label": { font }, "guide-title": { font } },
  };
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const drawn = new Map();

  async function draw({ name, title, summary, spec }) {
    const place = document.getElementById(name);
    if (!place) return;
    const found = await vegaEmbed(place, { ...spec, description: `${title}: ${summary}` }, { ast: true, renderer: "svg", actions: false, config, tooltip: { theme: "custom" } });
    drawn.set(name, found.view);
    place.dataset.drawn = "true";
  }

  function slide(input) {
    const output = document.querySelector(`output[for="${input.id}"]`);
    input.addEventListener("input", () => {
      output.textContent = input.value;
      const view = drawn.get(input.dataset.chart);
      if (view) view.signal("generation", Number(input.value)).runAsync();
    });
  }

  async function watch(state) {
    // The page of a loop that is running: it is read again when something has changed.
    try {
      const answer = await fetch("state", { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== state) location.reload();
    } catch { /* the server has stopped; what is shown stays */ }
  }

  document.querySelectorAll("input[type=range]").forEach(slide);
  (async () => {
    for (const chart of read("charts")) await draw(chart);
    document.body.dataset.ready = "true";
  })();
  const state = document.body.dataset.state;
  if (state) setInterval(() => watch(state), 3000);
})();
