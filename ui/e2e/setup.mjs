// Setting up a server that has no configuration.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { freePort, until } from "./site.mjs";

const BINARY = resolve(process.env.OPSPILOT_SERVER ?? "");

/** A folder with a log and a server, and nothing else. */
class Fresh {
  static async start() {
    const site = new Fresh();
    site.folder = mkdtempSync(join(tmpdir(), "opspilot-fresh-"));
    site.port = await freePort();
    site.url = `http://127.0.0.1:${site.port}`;
    writeFileSync(site.path("app.log"), "an old line\n");
    const log = openSync(site.path("server.log"), "a");
    site.child = spawn(BINARY, [], { cwd: site.folder, stdio: ["ignore", log, log], env: { OPSPILOT_MODULES_UI_API_PORT: String(site.port) } });
    const { child } = site;
    process.once("exit", () => child.kill("SIGKILL"));
    await until("the server answers", async () => {
      if (child.exitCode !== null) throw new Error(`the server ended:\n${readFileSync(site.path("server.log"), "utf8")}`);
      return fetch(`${site.url}/api/health`).then(() => true, () => false);
    }, 20_000);
    return site;
  }

  path(name) {
    return join(this.folder, name);
  }

  async end() {
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Runs all of it. */
export async function setUp({ test, browser, shot, clean }) {
  const fresh = await Fresh.start();
  const page = await browser.page(fresh);
  const source = page.locator('[data-id="connector.fileTail"]');
  const channel = (type) => page.locator(`[data-channel="${type}"]`);
  const tried = async (card, words) => {
    await card.getByRole("button", { name: /^Test/ }).click();
    await card.locator(".trial").getByText(words).first().waitFor();
  };
  const faults = [];
  const look = async (name) => {
    faults.push(...(await browser.faults(page)).map((fault) => `${name}: ${fault}`));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) faults.push(`${name}: ${wide} px too wide`);
    await shot(page, `60-set-up-${name}`);
  };

  await test("a server without a configuration leads to its set-up", async () => {
    assert.ok(readFileSync(fresh.path("server.log"), "utf8").includes(`${fresh.url}/setup`), "the terminal says where");
    await page.goto("/");
    await page.getByRole("link", { name: /^Set up/ }).click();
    await page.getByRole("heading", { name: "Set up", level: 1 }).waitFor();
    await page.getByText("Not ready.").first().waitFor();
    await page.getByText(/There is no configuration yet/).waitFor();
    await look("fresh");
  });

  await test("a source and a channel are tried, mended, and tried again", async () => {
    await source.getByRole("checkbox").check();
    await source.getByLabel("Files").fill(fresh.path("none/app.log"));
    await tried(source, "Does not work");
    await source.getByText(/none/).first().waitFor();
    await source.getByLabel("Files").fill(fresh.path("app.log"));
    await tried(source, "Works");
    await page.getByRole("button", { name: "Add webhook" }).click();
    await channel("webhook").getByLabel("Address").fill("http://127.0.0.1:9/s3cret");
    await tried(channel("webhook"), /is a secret/);
    await channel("webhook").getByRole("button", { name: /^Leave out/ }).click();
    await page.getByRole("button", { name: "Add file" }).click();
    await channel("file").getByLabel("File").fill(fresh.path("app.log/told.jsonl"));
    await tried(channel("file"), /a file is where a folder should be/);
    await channel("file").getByLabel("File").fill(fresh.path("told.jsonl"));
    await tried(channel("file"), "Works");
    await look("tried");
    assert.ok(!existsSync(fresh.path("told.jsonl")) && !existsSync(fresh.path("config/default.yaml")), "nothing was written");
  });

  await test("the file is seen before it is saved, and then in use", async () => {
    await page.locator('.diff [data-kind="added"]', { hasText: "connector.fileTail:" }).waitFor();
    await page.locator('.diff [data-kind="added"]', { hasText: "told.jsonl" }).waitFor();
    await page.getByText("The check finds no fault").waitFor();
    await page.getByRole("button", { name: "Save and use it" }).click();
    await page.getByText("Saved.").waitFor();
    const file = fresh.path("config/default.yaml");
    assert.equal((statSync(file).mode & 0o777).toString(8), "600");
    const checked = spawnSync(BINARY, ["check"], { cwd: fresh.folder, encoding: "utf8", env: {} });
    assert.equal(checked.status, 0, checked.stderr);
    let count = 0;
    await until("an incident appears", async () => {
      // A line that is written before the file was looked at is not read: it is no news.
      appendFileSync(fresh.path("app.log"), `ERROR number ${(count += 1)}\n`);
      return (await page.getByText("First incident:").count()) > 0;
    });
    await page.getByText("First lines:").waitFor();
    await page.evaluate(() => document.querySelector(".page")?.scrollTo(0, 0));
    await look("saved");
    await page.locator(".signs").getByRole("link", { name: "Errors in a log" }).click();
    await page.getByText("Why it was detected").waitFor();
    await page.goto("/");
    await page.locator(".row", { hasText: "Errors in a log" }).waitFor();
    await until("it was told", () => existsSync(fresh.path("told.jsonl")));
  });

  await test("choosing what is set up already changes nothing of it", async () => {
    await page.goto("/setup");
    await page.getByText("nothing would change").waitFor();
    await source.getByRole("checkbox").check();
    await source.getByText("As the file has it").waitFor();
    assert.equal(await source.getByLabel("Files").inputValue(), fresh.path("app.log"));
    await page.getByText("nothing would change").waitFor();
    await source.getByLabel("Files").fill(`${fresh.path("app.log")}\n/etc/shadow`);
    await page.getByText(/`?\/etc\/shadow`? is not read by way of the API/).first().waitFor();
    await source.getByRole("checkbox").uncheck();
  });

  await test("a file that was changed by hand meanwhile is not overwritten", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme: "light" });
    await page.goto("/setup");
    await page.getByText("nothing would change").waitFor();
    await page.getByRole("button", { name: "Add console" }).click();
    await page.locator('.diff [data-kind="added"]', { hasText: "console" }).waitFor();
    await look("phone");
    const file = fresh.path("config/default.yaml");
    appendFileSync(file, "\n# by hand\n");
    await page.getByRole("button", { name: "Save and use it" }).click();
    await page.getByText(/changed meanwhile/).waitFor();
    assert.ok(!readFileSync(file, "utf8").includes("console"), "the hand's work stays");
    await page.getByRole("button", { name: "Save and use it" }).click();
    await page.getByText("Saved.").waitFor();
    const text = readFileSync(file, "utf8");
    assert.ok(text.includes("# by hand") && text.includes("id: console"), text);
  });

  await test("a save that starts the API itself again is waited for", async () => {
    const file = fresh.path("config/default.yaml");
    appendFileSync(file, "\n  ui.api:\n    rateLimitPerMinute: 6000\n");
    await page.goto("/setup");
    await page.getByRole("button", { name: "Add console" }).click();
    await channel("console").getByLabel("Name").fill("second");
    await page.locator('.diff [data-kind="added"]', { hasText: "second" }).waitFor();
    await page.getByRole("button", { name: "Save and use it" }).click();
    await page.getByText("Being taken into use.").waitFor();
    await page.getByText("Saved.").waitFor();
    assert.ok(readFileSync(file, "utf8").includes("id: second"));
    assert.deepEqual(faults, []);
    await clean(page);
  });
  await page.context().close();
  await fresh.end();
}
