// The work of a shift: finding, sorting out and closing many incidents, reading one to its end, approving what was seen.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { sleep, until } from "./site.mjs";

const MANY = 10_000;

/** Runs all of it; `otto` is the page of an operator who is signed in. */
export async function work({ test, site, browser, otto, shot, signIn, row, clean }) {
  const rows = (page) => page.locator(".row");

  await test("filters stand in the address, and are saved as a view for whoever saved it", async () => {
    await otto.goto("/?status=open,acknowledged,resolved");
    await otto.locator(".pulse.live").waitFor();
    site.log("2026-02-20 disk /views is 91% full", "2026-02-20 deployed views-1");
    await row(otto, "/views").waitFor();
    await otto.getByLabel("Search incidents").fill("views");
    await until("both are found", async () => (await rows(otto).count()) === 2);
    await otto.getByRole("button", { name: "critical" }).click();
    await otto.getByRole("button", { name: "info", exact: true }).click();
    await until("one is left", async () => (await rows(otto).count()) === 1);
    await otto.getByLabel("Detector").selectOption("detector.regex");
    await otto.getByLabel("Time", { exact: true }).selectOption("1h");
    await until("the address tells all", () => ["q=views", "severity=warning", "module=detector.regex", "within=1h"].every((part) => otto.url().includes(part)));
    assert.equal(await rows(otto).count(), 1);
    const address = otto.url();
    await otto.locator(".views summary").click();
    await otto.getByLabel("Save this filter as").fill("Views of mine");
    await otto.getByRole("button", { name: "Save", exact: true }).click();
    await otto.locator(".views .view", { hasText: "Views of mine" }).waitFor();
    await shot(otto, "40-filters-and-views");
    await otto.goto("/");
    await otto.locator(".views summary").click();
    await otto.locator(".views .view", { hasText: "Views of mine" }).click();
    await until("the view is the filter", () => otto.url() === address);
    await until("it shows the same", async () => (await rows(otto).count()) === 1);
    assert.equal((await site.ask("olga", "GET", "/views")).count, 0, "nobody else has it");
    await otto.locator(".views summary").click();
    await otto.getByRole("button", { name: "Remove the view Views of mine" }).click();
    await until("it is removed", async () => (await site.ask("otto", "GET", "/views")).count === 0);
    await otto.goto("/");
  });

  await test("several are selected by keyboard, changed at once, and taken back", async () => {
    site.log(...[1, 2, 3].map((at) => `2026-02-20 deployed bulk-${at}`));
    await otto.goto("/?q=bulk-");
    await until("all three are listed", async () => (await rows(otto).count()) === 3);
    await otto.evaluate(() => document.activeElement?.blur());
    await otto.keyboard.press("j");
    await otto.keyboard.press("x");
    await otto.keyboard.press("j");
    await otto.keyboard.press("x");
    await otto.getByText("2 selected").waitFor();
    await shot(otto, "41-selected");
    await otto.keyboard.press("a");
    await otto.locator(".toast", { hasText: "2 acknowledged" }).waitFor();
    const statuses = async () => (await site.ask("vera", "GET", "/incidents?q=bulk-")).incidents.map((one) => one.status).sort().join();
    assert.equal(await statuses(), "acknowledged,acknowledged,open");
    await otto.locator(".toast", { hasText: "2 acknowledged" }).getByRole("button", { name: "Undo" }).click();
    await until("it is taken back", async () => (await statuses()) === "open,open,open");
    await otto.locator(".row .pick input").first().check();
    await otto.getByRole("button", { name: "Select all 3" }).click();
    await otto.keyboard.press("r");
    await otto.locator(".toast", { hasText: "3 resolved" }).waitFor();
    assert.equal(await statuses(), "resolved,resolved,resolved");
    assert.equal(await otto.locator(".chosen").count(), 0, "nothing is selected any more");
  });

  await test("a viewer selects and changes nothing", async () => {
    const vera = await browser.page(site);
    await signIn(vera, "vera", "/");
    await rows(vera).first().waitFor();
    assert.equal(await vera.locator(".pick").count(), 0);
    await vera.goto("/rules");
    await vera.getByText("service-failed", { exact: true }).waitFor();
    assert.equal(await vera.getByLabel("Lines of a log").count(), 0);
    await vera.goto("/sources");
    await vera.getByText("connector.fileTail").first().waitFor();
    assert.equal(await vera.getByRole("button", { name: /Restart|configuration again/ }).count(), 0);
    await vera.context().close();
  });

  await test("an incident draws its samples beside the threshold, and is told as a post-mortem", async () => {
    for (const value of [20, 35, 60, 91, 97, 99]) {
      site.log(`2026-02-20 host cpu=${value}`);
      await sleep(150);
    }
    await otto.goto("/?q=Processor");
    await row(otto, "Processor busy").first().getByRole("link", { name: /Processor busy/ }).click();
    const chart = otto.locator(".chart");
    await chart.waitFor();
    assert.match(await chart.getByRole("img").getAttribute("aria-label"), /^6 samples of .*, from 20 to 99; 3 of them > 90\.$/);
    assert.equal(await chart.locator("circle.beyond").count(), 3);
    const high = async (selector) => (await chart.locator(selector).boundingBox()).y;
    assert.ok((await high("circle >> nth=5")) < (await high("line.limit")), "a breach is above the threshold");
    assert.ok((await high("circle >> nth=0")) > (await high("line.limit")), "a calm one is below it");
    await chart.getByText("As a table").click();
    assert.equal(await chart.locator("tbody tr").count(), 6);
    await shot(otto, "42-chart");
    const downloads = otto.waitForEvent("download");
    await otto.getByRole("link", { name: "download as Markdown" }).click();
    const download = await downloads;
    assert.match(download.suggestedFilename(), /^post-mortem-[\w-]+\.md$/);
    assert.match(readFileSync(await download.path(), "utf8"), /Processor busy/);
    const [printed] = await Promise.all([otto.context().waitForEvent("page"), otto.getByRole("link", { name: /page to print/ }).click()]);
    await printed.getByRole("heading", { name: /Processor busy/ }).first().waitFor();
    await shot(printed, "43-post-mortem");
    await printed.close();
    await clean(otto);
  });

  await test("what was not seen is not approved, and a change is shown before anybody can", async () => {
    const olga = await browser.page(site);
    const { requests } = await site.ask("vera", "GET", "/approvals");
    const known = new Set(requests.map((one) => one.id));
    site.log("2026-02-20 service checkout FATAL unseen");
    const fresh = await until("it is proposed", async () => (await site.ask("vera", "GET", "/approvals/pending")).requests.find((one) => !known.has(one.id)));
    let lie = true;
    await olga.route(/\/api\/approvals/, async (route) => {
      if (route.request().method() !== "GET") return route.fallback();
      const answer = await route.fetch();
      const told = await answer.json();
      for (const one of lie ? (told.requests ?? [told]) : []) {
        if (one.id !== fresh.id) continue;
        one.actions[0].digest = "0".repeat(one.actions[0].digest.length);
        one.actions[0].plan.effect.argv[2] = "/tmp/harmless";
      }
      await route.fulfill({ response: answer, json: told });
    });
    await signIn(olga, "olga", `/approvals/${fresh.id}`);
    const dialog = olga.getByRole("dialog");
    await dialog.getByText("/tmp/harmless").waitFor();
    await sleep(500);
    const hold = async () => {
      await dialog.getByRole("button", { name: "Hold to approve" }).hover();
      await olga.mouse.down();
      await sleep(800);
      await olga.mouse.up();
    };
    await hold();
    await dialog.getByText(/Nothing was approved: what would be done now is not what you saw/).waitFor();
    assert.equal((await site.ask("vera", "GET", `/approvals/${fresh.id}`)).status, "pending", "the server refused it");
    lie = false;
    await dialog.getByText("What would be done is not what you read any more.").waitFor();
    assert.ok(await dialog.getByRole("button", { name: "Hold to approve" }).isDisabled(), "what changed cannot be approved unread");
    await dialog.getByText("/tmp/harmless").waitFor();
    await shot(olga, "44-not-as-seen");
    await dialog.getByRole("button", { name: "Show what changed" }).click();
    assert.deepEqual(await dialog.locator(".argv .changed code").allTextContents(), [site.path("touched/checkout")]);
    await shot(olga, "45-what-changed");
    await hold();
    await dialog.getByText("Done, and it helped.").waitFor();
    await olga.context().close();
  });
}

/** The same with as many as there may ever be. */
export async function many({ test, site, otto, shot, row }) {
  const rows = (page) => page.locator(".row");
  await test(`${MANY} incidents are searched, selected and scrolled`, async () => {
    site.log(...Array.from({ length: MANY }, (_, at) => `2026-02-20 deployed many-${at}`));
    await until("the server has them", async () => {
      const found = await site.ask("vera", "GET", `/incidents?q=many-${MANY - 1}&limit=1`);
      return found.count === 1;
    }, 120_000);
    await otto.goto("/?q=many-");
    const shown = async () => Number((await otto.locator(".filters .shown").textContent()).split(" ")[0]);
    await until("they are listed", async () => (await shown()) >= MANY * 0.9, 60_000);
    assert.ok((await rows(otto).count()) < 100, "only what is in sight exists");
    const counts = async () => /^Active: [1-9]\d* critical, [1-9]\d* warning, \d+\+ info$/.test(await otto.locator(".counts").getAttribute("aria-label"));
    await until("the worst are known however many others there are, and that there are more", counts);
    await otto.locator(".list").evaluate((list) => list.scrollTo({ top: list.scrollHeight }));
    await until("the end is in sight", () => otto.locator(`.row[data-id]`).last().evaluate((one) => one.getAttribute("aria-posinset") === one.getAttribute("aria-setsize")));
    await otto.getByLabel("Search incidents").fill("many-4242");
    await until("one is found", async () => (await rows(otto).count()) === 1);
    await otto.getByLabel("Search incidents").fill("many-42");
    await until("more are found", async () => (await shown()) === 111);
    await otto.locator(".row .pick input").first().check();
    await otto.getByRole("button", { name: "Select all 111" }).click();
    await otto.getByRole("button", { name: "Resolve r" }).first().click();
    await otto.locator(".toast", { hasText: "111 resolved" }).waitFor();
    await otto.goto("/");
    await row(otto, "Service failed").first().waitFor();
    await shot(otto, "56-many");
    await otto.goto("/");
  });
}
