// The dashboard end to end: the real server, a real browser. `cargo xtask e2e` runs it.

import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

import { Browser } from "./browser.mjs";
import { docs } from "./docs.mjs";
import { HOSTILE } from "./hostile.mjs";
import { lists } from "./lists.mjs";
import { plant } from "./plant.mjs";
import { rules } from "./rules.mjs";
import { setUp } from "./setup.mjs";
import { signing } from "./signing.mjs";
import { Site, sleep, until } from "./site.mjs";
import { many, work } from "./work.mjs";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const SHOTS = process.env.SCREENSHOTS ?? join(import.meta.dirname, "../../target/screenshots");

if (!process.env.OPSPILOT_SERVER) throw new Error("set OPSPILOT_SERVER to the server's binary, or run `cargo xtask e2e`");
if (!existsSync(CHROMIUM)) {
  console.log("SKIPPED: the dashboard in a browser: install chromium (Debian: apt-get install chromium)");
  process.exit(0);
}
mkdirSync(SHOTS, { recursive: true });

const site = await Site.make();
const browser = await Browser.open(CHROMIUM);
const shot = (page, name) => page.screenshot({ path: join(SHOTS, `${name}.png`) });
const results = [];
const only = process.argv[2];

async function test(name, work) {
  if (only && !new RegExp(only).test(name)) return;
  const began = performance.now();
  try {
    await work();
    results.push(true);
    console.log(`PASS ${name} (${Math.round(performance.now() - began)} ms)`);
  } catch (error) {
    results.push(false);
    console.log(`FAIL ${name}\n${error.stack ?? error}`);
    const last = browser.engine.contexts().at(-1)?.pages().at(-1);
    if (last) await shot(last, `FAILED-${results.length}`).catch(() => undefined);
  }
}

async function signIn(page, who, path = "/") {
  await page.goto(path);
  await page.getByLabel("API key").fill(site.keys[who]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator(".pulse.live").waitFor();
}

const row = (page, text) => page.locator(".row", { hasText: text });
const clean = async (page) => {
  await browser.reported(page);
  assert.deepEqual(browser.reports, [], "reports of the policy");
  assert.deepEqual(browser.foreign, [], "requests to other hosts");
  assert.deepEqual(browser.errors, [], "errors of scripts");
  assert.equal(browser.dialogs, 0, "dialogs that hostile text opened");
};

await site.start();
const otto = await browser.page(site);
const parts = { test, site, browser, otto, shot, signIn, row, clean };

await test("a wrong key is refused and a right one lets in", async () => {
  await otto.goto("/");
  await shot(otto, "01-sign-in");
  await otto.getByLabel("API key").fill("nothing");
  await otto.getByRole("button", { name: "Sign in" }).click();
  await otto.getByRole("alert").waitFor();
  await signIn(otto, "otto");
  await otto.getByText("No open incidents.").waitFor();
  await shot(otto, "02-quiet");
  const kept = await otto.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookie: document.cookie }));
  assert.ok(!kept.includes(site.keys.otto.slice(0, 12)), "the key is kept nowhere that a script reads");
});

await test("an incident appears by itself and is acknowledged once, and taken back", async () => {
  site.log("2026-02-20 disk /var is 97% full");
  await row(otto, "Disk almost full").waitFor();
  await row(otto, "Disk almost full").getByRole("button", { name: /Acknowledge/ }).dblclick();
  await row(otto, "Disk almost full").getByText("acknowledged").waitFor();
  await otto.getByRole("button", { name: "Undo" }).click();
  await row(otto, "Disk almost full").getByText("open", { exact: true }).waitFor();
  const { incidents } = await site.ask("vera", "GET", "/incidents");
  await until("the server knows", async () => (await site.ask("vera", "GET", `/incidents/${incidents[0].id}`)).status === "open");
  const { entries } = await site.ask("vera", "GET", `/incidents/${incidents[0].id}/timeline`);
  assert.equal(entries.filter((one) => one.details?.newStatus === "acknowledged").length, 1, "a double click counts once");
});

await test("an incident tells what was seen, and takes notes and owners", async () => {
  await row(otto, "Disk almost full").getByRole("link", { name: /Disk almost full/ }).click();
  await otto.getByText("Why it was detected").waitFor();
  assert.deepEqual(await otto.locator(".evidence mark").allTextContents(), ["/var", "97"]);
  await otto.getByRole("button", { name: /Assign to me/ }).click();
  await otto.getByRole("button", { name: "Give back" }).waitFor();
  await otto.getByLabel("Write a note").fill("du says it is the journal");
  await otto.getByRole("button", { name: "Add note" }).click();
  await otto.locator(".timeline .comment", { hasText: "the journal" }).waitFor();
  await otto.getByRole("button", { name: "Done" }).click();
  await otto.locator('.steps li[data-state="completed"]').waitFor();
  await shot(otto, "03-incident");
  await otto.goBack();
  await otto.locator(".detail").waitFor({ state: "detached" });
});

await test("an action is approved by holding, never by pressing, and its outcome appears", async () => {
  site.log("2026-02-20 service checkout FATAL lost its worker");
  const need = otto.locator(".need.ask");
  await need.waitFor();
  await sleep(400);
  await shot(otto, "04-needs-you");
  await need.getByRole("link").click();
  const dialog = otto.getByRole("dialog");
  await dialog.getByText("/usr/bin/touch", { exact: true }).waitFor();
  await until("the focus is on Deny", () => otto.evaluate(() => document.activeElement?.textContent === "Deny"));
  await shot(otto, "05-approval");
  assert.deepEqual(await dialog.locator(".argv code").allTextContents(), ["/usr/bin/touch", "--", site.path("touched/checkout")]);
  const hold = dialog.getByRole("button", { name: "Hold to approve" });
  await hold.click();
  await sleep(700);
  assert.ok(!existsSync(site.path("touched/checkout")), "a press approves nothing");
  await hold.hover();
  await otto.mouse.down();
  await sleep(800);
  await otto.mouse.up();
  await dialog.getByText("Done, and it helped.").waitFor();
  assert.ok(existsSync(site.path("touched/checkout")), "it was done");
  await shot(otto, "06-outcome");
  await otto.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
});

await test("who proposed it may not decide it, and two must approve what is grave", async () => {
  const proposal = await site.ask("otto", "POST", "/approvals", { actionType: "rotate-keys", reasoning: "they are a year old" });
  await otto.goto(`/approvals/${proposal.id}`);
  const own = otto.getByRole("dialog");
  await own.getByText("You proposed it. Somebody else must decide.").waitFor();
  assert.ok(await own.getByRole("button", { name: "Approve" }).isDisabled());
  const olga = await browser.page(site);
  await signIn(olga, "olga", `/approvals/${proposal.id}`);
  const dialog = olga.getByRole("dialog");
  const approve = dialog.getByRole("button", { name: "Approve" });
  await dialog.getByText("0 of 2.").waitFor();
  assert.ok(await approve.isDisabled(), "the name is not typed yet");
  await dialog.getByLabel(/^Type/).fill(proposal.actions[0].plan.target);
  await shot(olga, "07-two-approvers");
  await sleep(400);
  await approve.click();
  await dialog.getByText("You approved it already. Another person is needed.").waitFor();
  await own.getByText("1 of 2.").waitFor();
  assert.ok(!existsSync(site.path("touched/keys")), "one approval is not enough");
  await site.ask("anna", "POST", `/approvals/${proposal.id}/deny`, { reason: "not tonight" });
  await dialog.getByText("not tonight").waitFor();
  await clean(olga);
  await olga.context().close();
  await otto.goto("/");
  await otto.locator(".pulse.live").waitFor();
});

await test("a restart of the server is seen at once, and the truth within two seconds of its return", async () => {
  site.log("2026-02-20 deployed before-the-break");
  await row(otto, "before-the-break").waitFor();
  await site.stop("SIGKILL");
  await otto.getByText("Connection lost.").waitFor({ timeout: 2_000 });
  await shot(otto, "08-connection-lost");
  site.log("2026-02-20 deployed during-the-break");
  await site.start();
  const began = performance.now();
  await otto.locator(".pulse.live").waitFor({ timeout: 2_000 });
  console.log(`     live again after ${Math.round(performance.now() - began)} ms`);
  await row(otto, "during-the-break").waitFor();
  assert.equal(await row(otto, "before-the-break").count(), 1, "no row twice");
  assert.equal(await row(otto, "during-the-break").count(), 1, "no row twice");
});

await test("the keyboard alone is enough for a triage", async () => {
  await otto.keyboard.press("/");
  await otto.keyboard.type("deployed");
  await until("the address tells the filter", () => otto.url().includes("q=deployed"));
  await otto.keyboard.press("Escape");
  await otto.keyboard.press("j");
  await otto.locator(".row[data-cursor]").waitFor();
  await otto.keyboard.press("a");
  await otto.locator(".row[data-cursor]").getByText("acknowledged").waitFor();
  await otto.keyboard.press("u");
  await otto.locator(".toast", { hasText: "Taken back" }).waitFor();
  await otto.keyboard.press("Enter");
  await otto.locator(".detail").waitFor();
  await otto.keyboard.press("Escape");
  await otto.locator(".detail").waitFor({ state: "detached" });
  await otto.keyboard.press("?");
  await otto.getByRole("dialog").getByText("Next incident").waitFor();
  await shot(otto, "09-keyboard");
  await otto.keyboard.press("Escape");
  await otto.keyboard.press("g");
  await otto.keyboard.press("o");
  await otto.getByRole("heading", { name: "On call", level: 1 }).waitFor();
  await otto.getByText("primary").waitFor();
  await shot(otto, "10-on-call");
  const link = new URL("/?q=deployed", site.url).href;
  await otto.goto(link);
  await row(otto, "deployed").first().waitFor().catch(() => undefined);
  assert.equal(await otto.getByLabel("Search incidents").inputValue(), "deployed");
  await otto.goto("/");
});

await test("approving by keyboard needs the key held", async () => {
  site.log("2026-02-20 service checkout FATAL again");
  await otto.locator(".need.ask").waitFor();
  await otto.locator(".need.ask a").focus();
  await otto.keyboard.press("Enter");
  const dialog = otto.getByRole("dialog");
  await dialog.getByText("/usr/bin/touch", { exact: true }).waitFor();
  await sleep(500);
  await otto.keyboard.press("Tab");
  await until("the focus is on the button to hold", () => otto.evaluate(() => document.activeElement?.textContent === "Hold to approve"));
  await otto.keyboard.press("Enter");
  await sleep(700);
  assert.ok(await dialog.getByRole("button", { name: "Hold to approve" }).isVisible(), "a press approves nothing");
  await otto.keyboard.down("Enter");
  await sleep(800);
  await otto.keyboard.up("Enter");
  await dialog.getByText("Done, and it helped.").waitFor();
  await otto.keyboard.press("Escape");
});

await test("the audit log is proved in the browser, and a changed one is not", async () => {
  const anna = await browser.page(site);
  await signIn(anna, "anna", "/audit");
  await anna.getByRole("button", { name: "Verify the log" }).click();
  await anna.getByText("The audit log is whole.").waitFor();
  await shot(anna, "11-audit");
  await anna.route("**/api/audit/export", async (route) => {
    const answer = await route.fetch();
    const text = await answer.text();
    await route.fulfill({ response: answer, body: text.replace('"actor":"otto"', '"actor":"olga"') });
  });
  await anna.getByRole("button", { name: "Verify the log" }).click();
  await anna.getByText(/The audit log is not whole: entry \d+ was changed/).waitFor();
  await shot(anna, "12-audit-changed");
  await anna.goto("/sources");
  await anna.getByText("connector.fileTail", { exact: true }).first().waitFor();
  await sleep(300);
  await shot(anna, "13-sources");
  await clean(anna);
  await anna.context().close();
});

await test("hostile lines are inert", async () => {
  site.log(...HOSTILE.map((line) => `2026-02-20 HOSTILE ${line}`));
  await otto.goto("/?q=hostile");
  await until("all of them are listed", async () => (await row(otto, "Hostile line").count()) >= HOSTILE.length);
  await sleep(300);
  await shot(otto, "14-hostile");
  const made = await otto.evaluate(() => document.querySelectorAll("#app img, #app script, #app iframe, #app object, #app style, #app [onerror], #app base").length);
  assert.equal(made, 0, "no element came of a text");
  const { incidents } = await site.ask("vera", "GET", "/incidents?severity=warning&limit=100");
  const bidi = incidents.find((one) => one.description.includes("\u202e"));
  await otto.goto(`/i/${encodeURIComponent(bidi.id)}`);
  await otto.locator(".evidence .hidden-char").first().waitFor();
  await shot(otto, "15-hidden-characters");
  const wide = await otto.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.ok(!wide, "nothing breaks out of the page");
  await clean(otto);
});

await work(parts);
await plant(parts);
await docs(parts);
await setUp(parts);
await signing(parts);

for (const [name, theme] of [["dark", "dark"], ["light", "light"]]) {
  await test(`axe finds nothing in ${name}`, async () => {
    const found = [];
    for (const width of [1440, 900, 360]) {
      const page = await browser.page(site, { colorScheme: theme, viewport: { width, height: width === 360 ? 740 : 900 } });
      await page.goto("/");
      await page.getByLabel("API key").waitFor();
      found.push(...(await browser.faults(page)).map((fault) => `sign-in ${width}: ${fault}`));
      await signIn(page, "anna");
      const { requests } = await site.ask("vera", "GET", "/approvals");
      const { incidents } = await site.ask("vera", "GET", "/incidents?severity=critical");
      const drawn = await site.ask("vera", "GET", "/incidents?q=processor");
      for (const path of ["/", `/i/${encodeURIComponent(incidents[0].id)}`, "/approvals", `/approvals/${requests[0].id}`, "/oncall", "/audit", "/sources", "/rules", "/setup", `/i/${encodeURIComponent(drawn.incidents[0].id)}?chart`]) {
        await page.goto(path);
        await page.locator(".pulse.live").waitFor();
        await sleep(250);
        found.push(...(await browser.faults(page)).map((fault) => `${path} ${width}: ${fault}`));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        const high = await page.evaluate(() => document.documentElement.scrollHeight - document.documentElement.clientHeight);
        if (high > 0) found.push(`${path} ${width}: the page itself scrolls, by ${high} px`);
        if (wide > 0) found.push(`${path} ${width}: ${wide} px too wide`);
        if (theme === "light" || width === 360) await shot(page, `20-${name}-${width}-${path.split("/")[1] || "now"}${path.split("/").length > 2 ? "-one" : ""}${path.includes("?") ? "-chart" : ""}`);
      }
      await page.goto("/");
      await page.locator(".pick input").first().check();
      await page.locator(".views summary").click();
      found.push(...(await browser.faults(page)).map((fault) => `selection and views ${width}: ${fault}`));
      if (width === 360) await shot(page, `21-${name}-${width}-selection-and-views`);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Control+k");
      await page.locator(".palette li").first().waitFor();
      found.push(...(await browser.faults(page)).map((fault) => `palette ${width}: ${fault}`));
      if (width === 360) await shot(page, `21-${name}-${width}-palette`);
      await clean(page);
      await page.context().close();
    }
    assert.deepEqual(found, []);
  });
}

await test("a phone is enough: targets, approval, no sideways scrolling", async () => {
  const phone = await browser.page(site, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await signIn(phone, "otto");
  site.log("2026-02-20 service checkout FATAL once more");
  await phone.locator(".need.ask a").first().tap();
  const dialog = phone.getByRole("dialog");
  await dialog.getByText("/usr/bin/touch", { exact: true }).waitFor();
  await sleep(400);
  await shot(phone, "30-phone-approval");
  for (const button of await dialog.locator(".answer-buttons button").all()) {
    const { height, width } = await button.boundingBox();
    assert.ok(height >= 44 && width >= 44, `a target of ${width}×${height}`);
  }
  await dialog.getByRole("button", { name: "Deny" }).click();
  await dialog.getByText("denied").waitFor();
  await phone.context().close();
});

await rules(parts);
await lists(parts);
await many(parts);

await test("single keys can be switched off", async () => {
  await otto.goto("/");
  await otto.locator(".pulse.live").waitFor();
  await otto.locator(".bar .menu summary").click();
  await otto.getByLabel("Shortcuts of a single key").uncheck();
  await otto.keyboard.press("Escape");
  await otto.evaluate(() => document.activeElement?.blur());
  await otto.keyboard.press("j");
  await sleep(100);
  assert.equal(await otto.locator(".row[data-cursor]").count(), 0);
  await otto.evaluate(() => localStorage.clear());
});

await test("signing out leaves nothing behind", async () => {
  await otto.locator(".bar .menu summary").click();
  await otto.getByRole("button", { name: "Sign out" }).click();
  await otto.getByLabel("API key").waitFor();
  assert.equal(await otto.locator(".row").count(), 0);
  await otto.goto("/audit");
  await otto.getByLabel("API key").waitFor();
});

await browser.close();
await site.end();
const failed = results.filter((passed) => !passed).length;
console.log(`${results.length - failed} passed, ${failed} failed; screenshots in ${SHOTS}`);
if (!results.length) console.log(`no trial is called ${only}`);
process.exit(failed || !results.length ? 1 : 0);
