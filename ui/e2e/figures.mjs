// What is measured of a page: when its first row was there, its frames, its long tasks, its heap.

import { sleep } from "./site.mjs";

/** Before a page's own script: notes when the first row was there, in milliseconds since the navigation. */
function watchForRow() {
  globalThis.firstRow = new Promise((done) => {
    const look = new MutationObserver(() => {
      if (!document.querySelector(".row")) return;
      look.disconnect();
      // In two frames' time what is there now has been drawn.
      requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())));
    });
    look.observe(document, { childList: true, subtree: true });
  });
}

/** What the page asked for until then, and when each was asked and answered. */
function asked() {
  const entries = performance.getEntriesByType("resource");
  const round = Math.round;
  return entries.map((one) => ({ what: one.name.replace(/^.*?\/\/[^/]+/, ""), from: round(one.startTime), to: round(one.responseEnd) }));
}

const ranked = (list) => list.toSorted((a, b) => a - b);

/** The middle of `list`, and its worst. */
export const spread = (list) => `median ${Math.round(ranked(list)[Math.floor(list.length / 2)])} ms, worst of ${list.length} ${Math.round(Math.max(...list))} ms`;

/** Opens `path` so many `times`: how long until the first row was drawn each time, and what the last page asked for. */
export async function firstRows(page, path, times) {
  await page.addInitScript(watchForRow);
  const took = [];
  let requests = [];
  for (let at = 0; at < times; at += 1) {
    await page.goto(path);
    await page.locator(".row").first().waitFor();
    const at = await page.evaluate(() => globalThis.firstRow);
    took.push(at);
    requests = (await page.evaluate(asked)).filter((one) => one.from <= at);
    await page.locator(".pulse.live").waitFor();
    await sleep(300);
  }
  return { took, requests };
}

/** The heap in use after two collections, in MB, as the engine itself counts it: `performance.memory` is rounded. */
export async function heap(client) {
  await client.send("Performance.enable");
  for (let turn = 0; turn < 2; turn += 1) await client.send("HeapProfiler.collectGarbage");
  const { metrics } = await client.send("Performance.getMetrics");
  return metrics.find((one) => one.name === "JSHeapUsedSize").value / 1e6;
}

/** Does `step` ten times a second for so many `seconds` while somebody scrolls, and counts frames and long tasks. */
export async function storm(page, seconds, step) {
  await page.evaluate(() => {
    const figures = { frames: 0, long: [] };
    const tick = () => {
      figures.frames += 1;
      if (globalThis.figures === figures) requestAnimationFrame(tick);
    };
    globalThis.figures = figures;
    requestAnimationFrame(tick);
    const note = (list) => figures.long.push(...list.getEntries().map((one) => Math.round(one.duration)));
    new PerformanceObserver(note).observe({ type: "longtask" });
  });
  const started = performance.now();
  for (let tick = 0; tick < seconds * 10; tick += 1) {
    await step(tick);
    if (tick % 5 === 0) await page.mouse.wheel(0, tick % 10 ? 1_200 : -900);
    await sleep(Math.max(0, started + (tick + 1) * 100 - performance.now()));
  }
  const lasted = (performance.now() - started) / 1000;
  const { frames, long } = await page.evaluate(() => {
    const found = globalThis.figures;
    globalThis.figures = null;
    return found;
  });
  return `${Math.round(frames / lasted)} frames a second over ${lasted.toFixed(1)} s, ${long.length} long tasks, the longest ${Math.max(0, ...long)} ms`;
}
