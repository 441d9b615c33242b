// The machine itself: sources, modules, who hears whom, rules, and the way to all of them by name.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";

import { HOSTILE } from "./hostile.mjs";
import { until } from "./site.mjs";

/** Runs all of it; `otto` is the page of an operator who is signed in. */
export async function plant({ test, site, browser, otto, shot, signIn, clean }) {
  await test("sources tell what flows, modules start again, and a reload says what it did", async () => {
    const anna = await browser.page(site);
    await signIn(anna, "anna", "/sources");
    const tail = anna.locator('.module[data-id="connector.fileTail"]');
    await tail.getByText("records in the last minute").waitFor();
    await tail.locator("tbody").getByText("app.log").waitFor();
    await tail.locator("summary", { hasText: "More" }).click();
    await tail.getByText('"fromBeginning": true').waitFor();
    await shot(anna, "46-sources");
    await anna.getByRole("button", { name: "Restart notifier.channels" }).click();
    const dialog = anna.getByRole("dialog");
    await until("the focus is on the way out", () => anna.evaluate(() => document.activeElement?.textContent === "Cancel"));
    await shot(anna, "47-restart");
    await dialog.getByRole("button", { name: "Restart" }).click();
    await dialog.getByText("it runs again").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    const { entries } = await site.ask("anna", "GET", "/audit?limit=20");
    assert.ok(entries.some((one) => one.action === "module.restarted" && one.actor === "anna"), "it is on the record");
    const settings = site.settings();
    settings.modules["detector.regex"].rules[2].title = "Deployed again";
    writeFileSync(site.path("config.yaml"), JSON.stringify(settings));
    const reload = async () => {
      await anna.getByRole("button", { name: "Read the configuration again" }).click();
      await dialog.getByRole("button", { name: "Read it" }).click();
    };
    await reload();
    await dialog.getByText("Started again: detector.regex").waitFor();
    await shot(anna, "48-reload");
    await dialog.getByRole("button", { name: "Close" }).click();
    writeFileSync(site.path("config.yaml"), JSON.stringify({ ...settings, modules: { ...settings.modules, "detector.regex": { enabled: true, nonsense: 1 } } }));
    await reload();
    await dialog.getByText(/nonsense/).waitFor();
    await shot(anna, "49-reload-refused");
    await dialog.getByRole("button", { name: "Cancel" }).click();
    writeFileSync(site.path("config.yaml"), JSON.stringify(site.settings()));
    await reload();
    await dialog.getByText("Started again: detector.regex").waitFor();
    await dialog.getByRole("button", { name: "Close" }).click();
    await clean(anna);
    await anna.context().close();
  });

  await test("the topology is drawn, walked by keyboard, and a list on a phone", async () => {
    await otto.goto("/sources");
    await otto.locator(".deliveries tr", { hasText: "file" }).filter({ hasText: "sent" }).first().waitFor();
    const node = otto.locator(".topology .node", { hasText: "detector.regex" });
    await node.waitFor();
    const { nodes, edges } = await site.ask("vera", "GET", "/topology");
    assert.equal(await otto.locator(".topology .node").count(), nodes.length);
    assert.equal(await otto.locator(".topology .edge").count(), edges.length);
    await node.focus();
    await otto.keyboard.press("Enter");
    const around = otto.locator(".around");
    await around.getByText("connector.fileTail").waitFor();
    assert.equal(await otto.locator(".topology .edge[data-near]").count(), edges.filter((one) => [one.from, one.to].includes("detector.regex")).length);
    await around.scrollIntoViewIfNeeded();
    await shot(otto, "50-topology");
    const phone = await browser.page(site, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    await signIn(phone, "otto", "/sources");
    const list = phone.locator(".topology-list");
    await list.getByText("is heard by").first().waitFor();
    assert.ok(!(await phone.locator(".topology").isVisible()));
    await list.scrollIntoViewIfNeeded();
    await shot(phone, "51-topology-phone");
    await phone.context().close();
  });

  await test("a rule is tried on pasted lines as they are typed, and on stored evidence", async () => {
    await otto.goto("/rules");
    const one = otto.locator(".rule", { hasText: "service-failed" });
    await one.getByText("service (\\S+) FATAL (.*)").waitFor();
    await one.getByText(/\d+ match/).waitFor();
    const rule = otto.getByLabel("Rule, as YAML");
    const lines = otto.getByLabel("Lines of a log");
    await rule.fill("id: mine\npattern: 'node (\\w+) died'\nseverity: critical\ntitle: Node lost\ndescription: It was $1\n");
    await lines.fill(`node seven died\nnode eight lives\n${HOSTILE.join("\n")}`);
    await otto.getByText(`1 of ${HOSTILE.join("\n").split(/\r?\n/).length + 2} lines match.`).waitFor();
    const first = otto.locator(".outcomes li").first();
    await first.getByText("It was seven").waitFor();
    await shot(otto, "52-rule-tried");
    await rule.fill("id: mine\npattern: '('\nseverity: critical\ntitle: x\n");
    await otto.locator(".faults", { hasText: "pattern" }).waitFor();
    await shot(otto, "53-rule-wrong");
    await rule.fill("id: mine\npattern: 'disk (\\S+) is'\nseverity: warning\ntitle: Any disk\n");
    await otto.getByText(/lines match/).waitFor();
    await otto.getByRole("button", { name: "Dry run over stored incidents" }).click();
    await otto.getByText(/stored lines match; \d+ incidents were looked at, all that there are/).waitFor();
    await otto.locator(".outcomes.stored li", { hasText: "disk /var is 97% full" }).waitFor();
    const before = (await site.ask("vera", "GET", "/incidents?q=Any+disk")).count;
    assert.equal(before, 0, "no incident comes of a trial");
    await one.getByRole("button", { name: "Try service-failed" }).click();
    await lines.fill("service web FATAL gone");
    await otto.getByText("1 of 1 lines match.").waitFor();
    await shot(otto, "54-rule-of-the-configuration");
    const made = await otto.evaluate(() => document.querySelectorAll("#app img, #app script, #app iframe, #app style, #app [onerror]").length);
    assert.equal(made, 0, "no element came of a pasted line");
    await clean(otto);
  });

  await test("the palette goes to views and incidents", async () => {
    await otto.goto("/");
    await otto.locator(".pulse.live").waitFor();
    await otto.keyboard.press("Control+k");
    const box = otto.getByRole("combobox", { name: "Go to a view or an incident" });
    await until("the focus is in it", () => box.evaluate((element) => element === document.activeElement));
    await shot(otto, "55-palette");
    await otto.keyboard.type("audit");
    await until("one is left", async () => (await otto.locator(".palette li").count()) === 1);
    await otto.keyboard.press("Escape");
    await box.waitFor({ state: "hidden" });
    assert.equal(new URL(otto.url()).pathname, "/");
    await otto.keyboard.press("Control+k");
    await otto.keyboard.type("rules");
    await otto.keyboard.press("Enter");
    await otto.getByRole("heading", { name: "Rules", level: 1 }).waitFor();
    await box.waitFor({ state: "hidden" });
    await otto.keyboard.press("Control+k");
    await otto.keyboard.type("/views");
    await otto.locator(".palette li", { hasText: "/views" }).waitFor();
    await otto.keyboard.press("ArrowDown");
    await otto.keyboard.press("ArrowUp");
    await otto.keyboard.press("Enter");
    await otto.locator(".detail .lead", { hasText: "/views" }).waitFor();
    assert.equal(await otto.locator("dialog[open]").count(), 0);
  });
}
