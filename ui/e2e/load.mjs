// Figures, not verdicts: how the dashboard bears many incidents that keep coming. `npm run load`.

import { Browser } from "./browser.mjs";
import { Site, sleep, until } from "./site.mjs";

const COUNT = Number(process.argv[2] ?? 5_000);
const RATE = Number(process.argv[3] ?? 200);
const SECONDS = Number(process.argv[4] ?? 20);

const site = await Site.make();
await site.start();
site.log(...Array.from({ length: COUNT }, (_, at) => `2026-02-20 deployed v${at}`));
const browser = await Browser.open(process.env.CHROMIUM ?? "/usr/bin/chromium");
const page = await browser.page(site);
await page.goto("/");
await page.getByLabel("API key").fill(site.keys.otto);
await page.getByRole("button", { name: "Sign in" }).click();
const total = async () => Number((await page.locator(".filters .shown").textContent()).replace(/\D.*/, ""));
await until("every incident is listed", async () => (await total()) >= COUNT, 120_000);
console.log(`${COUNT} incidents listed, ${await page.locator(".row").count()} rows in the page`);

const first = [];
for (let at = 0; at < 11; at += 1) {
  const began = performance.now();
  await page.goto("/");
  await page.locator(".row").first().waitFor();
  first.push(Math.round(performance.now() - began));
}
first.sort((a, b) => a - b);
console.log(`first row after navigation: median ${first[5]} ms, worst of 11 ${first[10]} ms`);
await until("every incident is listed again", async () => (await total()) >= COUNT, 120_000);

const client = await page.context().newCDPSession(page);
const heap = async () => {
  await client.send("HeapProfiler.collectGarbage");
  return (await page.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6;
};
const before = await heap();
await page.evaluate(() => {
  globalThis.figures = { frames: 0, long: [], stop: false };
  const tick = () => {
    globalThis.figures.frames += 1;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  new PerformanceObserver((list) => globalThis.figures.long.push(...list.getEntries().map((one) => Math.round(one.duration)))).observe({ type: "longtask" });
});
const started = performance.now();
for (let tick = 0; tick < SECONDS * 10; tick += 1) {
  site.log(...Array.from({ length: RATE / 10 }, (_, at) => `2026-02-20 deployed more-${tick}-${at}`));
  if (tick % 5 === 0) await page.mouse.wheel(0, tick % 10 ? 1_200 : -900);
  await sleep(Math.max(0, started + (tick + 1) * 100 - performance.now()));
}
const lasted = (performance.now() - started) / 1000;
const { frames, long } = await page.evaluate(() => globalThis.figures);
await until("all that came is listed", async () => (await total()) >= COUNT + RATE * SECONDS, 60_000);
console.log(`${RATE} incidents a second for ${SECONDS} s: ${Math.round(frames / lasted)} frames a second, ${long.length} long tasks, the longest ${Math.max(0, ...long)} ms`);
console.log(`heap ${before.toFixed(1)} MB before, ${(await heap()).toFixed(1)} MB after with ${RATE * SECONDS} more incidents`);
const seen = [];
for (let at = 0; at < 11; at += 1) {
  await page.goto(`/?q=pixel-${at}-`);
  await page.locator(".pulse.live").waitFor();
  await sleep(500);
  const began = Date.now();
  site.log(`2026-02-20 deployed pixel-${at}-x`);
  await page.locator(".row").first().waitFor();
  seen.push(Date.now() - began);
}
seen.sort((a, b) => a - b);
console.log(`line written to row shown: median ${seen[5]} ms, worst of 11 ${seen[10]} ms`);
await browser.close();
await site.end();
