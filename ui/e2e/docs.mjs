// The page that shows the API.

import assert from "node:assert/strict";

import { until } from "./site.mjs";

/** Runs all of it, against a server that asks for credentials. */
export async function docs({ test, site, browser, shot, clean }) {
  await test("the page of the API asks who reads, then shows every operation", async () => {
    const page = await browser.page(site);
    await page.goto("/api/docs");
    await page.getByLabel("API key").fill(site.keys.vera);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: /OpsPilot API/ }).waitFor();
    const document = await site.ask("vera", "GET", "/openapi.json");
    const count = Object.values(document.paths).flatMap(Object.keys).length;
    assert.equal(await page.locator(".operation").count(), count);
    await page.keyboard.press("/");
    await page.keyboard.type("no-such-view delete");
    await until("one operation is left", async () => (await page.locator(".operation").count()) === 1);
    await page.keyboard.press("Escape");
    await until("all are back", async () => (await page.locator(".operation").count()) === count);
    await page.locator("#postIncidentsByIdComment summary").first().focus();
    await page.keyboard.press("Enter");
    const comment = page.locator("#postIncidentsByIdComment");
    await comment.getByText('curl -sS -X POST -H "X-API-Key: $OPSPILOT_API_KEY"').waitFor();
    await comment.getByText("illegal-transition").waitFor({ state: "detached" }).catch(() => undefined);
    await comment.getByText("no-such-incident").waitFor();
    await shot(page, "50-api-operation");
    // A body with several forms: each is named by what it must have.
    await page.evaluate(() => { location.hash = "postIncidentsBulk"; });
    const bulk = page.locator("#postIncidentsBulk");
    await bulk.getByText("ids, change: acknowledge | resolve | close | reopen").waitFor();
    await bulk.getByText("ids, change: assign, assignee").click();
    await bulk.getByText("Who works on them.").waitFor();
    await shot(page, "50-api-forms");
    await clean(page);
    await page.context().close();
  });

  await test("an operation has an address, on a phone too, and axe finds nothing", async () => {
    const found = [];
    for (const colorScheme of ["dark", "light"]) {
      for (const width of [1440, 360]) {
        const page = await browser.page(site, { colorScheme, viewport: { width, height: width === 360 ? 740 : 900 } });
        await page.goto("/api/docs#getIncidents");
        await page.getByLabel("API key").fill(site.keys.vera);
        await page.getByRole("button", { name: "Sign in" }).click();
        const sought = page.locator("#getIncidents");
        await sought.locator(".inside").waitFor();
        await until("it is in sight", () => sought.evaluate((one) => { const { top } = one.getBoundingClientRect(); return top > -2 && top < innerHeight / 2; }));
        // Types that refer to others are opened one by one.
        await sought.locator(".reply summary", { hasText: "list of Incident" }).click();
        await sought.getByText("Where it stands.").waitFor();
        found.push(...(await browser.faults(page)).map((fault) => `${colorScheme} ${width}: ${fault}`));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (wide > 0) found.push(`${colorScheme} ${width}: ${wide} px too wide`);
        await shot(page, `51-api-${colorScheme}-${width}`);
        await page.evaluate(() => { location.hash = "postReload"; });
        await page.locator("#postReload .inside").waitFor();
        await clean(page);
        await page.context().close();
      }
    }
    assert.deepEqual(found, []);
  });
}
