// Figures, not verdicts: how the dashboard bears many incidents, new ones that keep coming, and changes of those that
// are there. `npm run load`, or `node e2e/load.mjs COUNT RATE SECONDS [first] [new] [repeated] [people]`.

import { Browser } from "./browser.mjs";
import { firstRows, heap, spread, storm } from "./figures.mjs";
import { Site, sleep, until } from "./site.mjs";

const COUNT = Number(process.argv[2] ?? 5_000);
const RATE = Number(process.argv[3] ?? 200);
const SECONDS = Number(process.argv[4] ?? 20);
const PARTS = process.argv.slice(5);

/** How many incidents the first row is also waited for with. */
const FEW = 100;

const browser = await Browser.open(process.env.CHROMIUM ?? "/usr/bin/chromium");
const many = (count, name) => Array.from({ length: count }, (_, at) => `2026-02-20 deployed ${name(at)}`);
const total = async (page) => Number((await page.locator(".filters .shown").textContent()).replace(/\D.*/, ""));
const listed = (page, count) => until(`${count} incidents are listed`, async () => (await total(page)) >= count, 240_000);

/** A repeated line counts on the incident that is there. */
function repeating(settings) {
  settings.modules["enricher.dedup"] = {
    enabled: true, windowMs: 3_600_000, fingerprintFields: ["title", "severity", "detectedBy", "description"],
  };
}

async function signedIn(site) {
  const page = await browser.page(site);
  await page.goto("/");
  await page.getByLabel("API key").fill(site.keys.otto);
  await page.getByRole("button", { name: "Sign in" }).click();
  return page;
}

/** A site that lists `count` incidents, for `work`. */
async function on(change, count, work) {
  const site = await Site.make(change);
  try {
    await site.start();
    site.log(...many(count, (at) => `v${at}`));
    const page = await signedIn(site);
    await listed(page, count);
    await work(site, page);
    await page.context().close();
  } finally {
    await site.end();
  }
}

async function first(site, page) {
  for (const count of [FEW, COUNT]) {
    if (count > FEW) site.log(...many(count - FEW, (at) => `more-${at}`));
    await page.goto("/");
    await listed(page, count);
    const { took, requests } = await firstRows(page, "/", 11);
    console.log(`first row after navigation, ${count} incidents: ${spread(took)}`);
    for (const { what, from, to } of requests) console.log(`    ${String(from).padStart(5)} to ${String(to).padStart(5)} ms ${what}`);
  }
}

/** Measures a stretch of `step`, whose changes have come when `done` is. */
async function stretch(page, what, step, done) {
  await page.reload();
  await listed(page, COUNT);
  const client = await page.context().newCDPSession(page);
  const before = await heap(client);
  const said = await storm(page, SECONDS, step);
  await done();
  await sleep(500);
  const after = await heap(client);
  console.log(`${RATE} ${what} a second: ${said}`);
  console.log(`    heap ${before.toFixed(1)} MB before, ${after.toFixed(1)} MB after ${RATE * SECONDS} ${what}`);
}

async function fresh(site, page) {
  const step = (tick) => site.log(...many(RATE / 10, (at) => `new-${tick}-${at}`));
  await stretch(page, "new incidents", step, () => listed(page, COUNT + RATE * SECONDS));
  await page.reload();
  await listed(page, COUNT + RATE * SECONDS);
  const client = await page.context().newCDPSession(page);
  console.log(`    heap ${(await heap(client)).toFixed(1)} MB when all of these are read again`);
  await pixels(site, page);
}

async function repeated(site, page) {
  const step = (tick) => site.log(...many(RATE / 10, (at) => `v${(tick * (RATE / 10) + at) % COUNT}`));
  await stretch(page, "repeated lines", step, async () => {
    // Lines are read in their order: when this one is there, all before it are.
    site.log("2026-02-20 deployed the-last");
    await listed(page, COUNT + 1);
  });
}

async function people(site, page) {
  const { incidents } = await site.ask("otto", "GET", "/incidents?limit=500");
  const next = (at) => {
    const { id } = incidents[at % incidents.length];
    const round = Math.floor(at / incidents.length) % 4;
    if (round === 0) return [id, "acknowledge", {}];
    if (round === 1) return [id, "assign", { assignee: at % 2 ? "olga" : "otto" }];
    if (round === 2) return [id, "comment", { text: `Looked at it for the ${at}th time` }];
    return [id, "reopen", {}];
  };
  let made = 0;
  let queue = Promise.resolve();
  const change = async ([id, verb, body]) => site.ask(made % 2 ? "olga" : "otto", "POST", `/incidents/${encodeURIComponent(id)}/${verb}`, body);
  const step = (tick) => {
    const some = Array.from({ length: RATE / 10 }, (_, at) => next(tick * (RATE / 10) + at));
    queue = queue.then(() => Promise.all(some.map((one) => change(one).then(() => { made += 1; }))));
  };
  await stretch(page, "changes by people", step, () => queue);
  console.log(`    ${made} were made`);
}

/** From a line written to its row shown. */
async function pixels(site, page) {
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
  console.log(`line written to row shown: ${spread(seen)}`);
}

const none = () => undefined;
const parts = { first: [none, FEW, first], new: [none, COUNT, fresh], repeated: [repeating, COUNT, repeated], people: [none, COUNT, people] };
for (const [name, [change, count, work]] of Object.entries(parts)) {
  if (!PARTS.length || PARTS.includes(name)) await on(change, count, work);
}
await browser.close();
