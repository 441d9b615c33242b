// A browser that tells of everything it should not have to: foreign requests, broken policies, errors of scripts.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];

/** Shows the bundle that was built last in place of the one in the binary, to look at a change without a build. */
async function fresh(context, site) {
  const folder = join(import.meta.dirname, "../../crates/opspilot-http/assets");
  await context.route(/\/assets\//, (route) => route.fulfill({ path: join(folder, new URL(route.request().url()).pathname.split("/").pop()) }));
  const page = (which, name) => context.route(which, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: readFileSync(join(folder, name), "utf8") });
  });
  const ours = (url) => url.origin === site.url;
  await page((url) => ours(url) && !url.pathname.startsWith("/api") && !url.pathname.startsWith("/assets"), "index.html");
  await page((url) => ours(url) && url.pathname === "/api/docs", "docs.html");
}

export class Browser {
  static async open(executablePath) {
    const browser = new Browser();
    browser.folder = mkdtempSync(join(tmpdir(), "opspilot-chromium-"));
    browser.engine = await chromium.launch({ executablePath, args: FLAGS });
    browser.foreign = [];
    browser.reports = [];
    browser.errors = [];
    browser.dialogs = 0;
    return browser;
  }

  /** A page of a person with a browser of their own. */
  async page(site, options = {}) {
    const context = await this.engine.newContext({
      baseURL: site.url, viewport: { width: 1440, height: 900 }, colorScheme: "dark", timezoneId: "UTC", locale: "en-GB", reducedMotion: "reduce", ...options,
    });
    context.setDefaultTimeout(8_000);
    await context.addInitScript(() => {
      globalThis.broken = [];
      document.addEventListener("securitypolicyviolation", (event) => globalThis.broken.push(`${event.violatedDirective}: ${event.blockedURI}`));
    });
    if (process.env.FRESH) await fresh(context, site);
    const page = await context.newPage();
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== site.url) this.foreign.push(request.url());
    });
    page.on("dialog", (dialog) => {
      this.dialogs += 1;
      void dialog.dismiss();
    });
    page.on("pageerror", (error) => this.errors.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/i.test(message.text())) this.reports.push(message.text());
    });
    return page;
  }

  /** Collects what the page's own policy reported. */
  async reported(page) {
    this.reports.push(...(await page.evaluate(() => globalThis.broken.splice(0))));
  }

  /** What axe finds wrong with the page, by the rules of WCAG 2.2 AA. It is run beside the page's policy. */
  async faults(page) {
    const client = await page.context().newCDPSession(page);
    const { frameTree } = await client.send("Page.getFrameTree");
    const { executionContextId } = await client.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
    const expression = `${axe};axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })
      .then((found) => found.violations.map((one) => one.id + ": " + one.nodes.slice(0, 4).map((node) => node.target.join(" ") + " " + (node.any[0]?.message ?? "")).join(" | ")))`;
    const told = await client.send("Runtime.evaluate", { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true });
    await client.detach();
    if (told.exceptionDetails) throw new Error(`axe: ${JSON.stringify(told.exceptionDetails).slice(0, 500)}`);
    return told.result.value;
  }

  async close() {
    await this.engine.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
