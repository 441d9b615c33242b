// Rules as text: an administrator writes one, another one lets it into the configuration file, and nothing else in that
// file changes.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

import { sleep, until } from "./site.mjs";

const RULE = `      # What the ${"\u{1f4be}"} team asked for.
      - id: disk-full # the one
        # A number of percent.
        pattern: 'disk (\\S+) is (\\d+)% full'
        severity: warning
        title: Disk almost full
        description: $1 at $2 %
        cooldownMs: 0
        tests:
          - { line: 'disk /var is 97% full', expect: match }
      # Behind it.
      - id: deploy
        pattern: 'deployed (\\S+)'
        severity: info
        title: Deployed
        description: version $1
        cooldownMs: 0
  # The end of the rules.
`;

/** The same configuration, with its rules as people write them. */
function written(settings) {
  const modules = Object.entries(settings.modules).filter(([id]) => id !== "detector.regex");
  const others = modules.map(([id, options]) => `  ${JSON.stringify(id)}: ${JSON.stringify(options)}\n`).join("");
  const root = Object.entries(settings).filter(([name]) => name !== "modules").map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`).join("");
  return `# By hand.\n${root}modules:\n  detector.regex:\n    enabled: true\n    maxIncidentsPerMinute: 0\n    rules:\n${RULE}${others}`;
}

export async function rules({ test, site, browser, shot, signIn, clean }) {
  const file = site.path("config.yaml");
  const read = () => readFileSync(file, "utf8");
  const before = read();
  const text = written(site.settings());
  writeFileSync(file, text);
  await site.ask("anna", "POST", "/reload", {});
  const anna = await browser.page(site);
  const abel = await browser.page(site);
  const rule = (page) => page.locator("#edit-rule");
  // The rule that is tried beside it may be sound as well.
  const sound = (page) => page.locator("section").filter({ has: rule(page) }).getByText("The rule is sound.");
  const card = (page, name) => page.locator(".change", { hasText: name }).first();

  await test("an administrator edits a rule, mends a fault and proposes the change, and cannot approve it", async () => {
    await signIn(anna, "anna", "/rules");
    await anna.getByRole("button", { name: "Edit disk-full" }).click();
    await rule(anna).waitFor();
    const given = await rule(anna).inputValue();
    assert.match(given, /^id: disk-full # the one\n# A number of percent\.\npattern: /);
    assert.ok(!given.includes("Behind it") && !given.includes("team asked"), "comments of others are not part of it");
    await rule(anna).fill(given.replace("severity: warning", "severity: wrning").replace("97% full'", "97% full, as of now'"));
    await anna.locator(".fault-list").getByText(/wrning/).waitFor();
    assert.equal(await anna.locator(".gutter li[data-bad]").innerText(), "4");
    assert.ok(await anna.getByRole("button", { name: "Propose change" }).isDisabled());
    await shot(anna, "50-rule-fault");
    await anna.getByRole("button", { name: "line 4" }).click();
    const typed = await anna.evaluate(() => document.activeElement.value.slice(document.activeElement.selectionStart).split("\n")[0]);
    assert.equal(typed, "wrning", "the fault's button leads to its place");
    await rule(anna).fill(given.replace("is (\\d+)% full", "is (\\d+)% (?:full|gone)").replace("- { line:", "- { line: 'disk /srv is 99% gone', expect: match }\n  - { line:"));
    await anna.getByLabel("Lines of a log, to try it on").fill("disk /home is 98% gone\nall is well");
    await anna.getByText("1 of 2 lines match.").waitFor();
    await anna.getByText("Its own tests: 2 of 2 pass.").waitFor();
    await anna.getByRole("button", { name: "Show what changes" }).click();
    await anna.locator(".diff [data-kind=added]").first().waitFor();
    assert.deepEqual(await anna.locator(".diff [data-kind=removed] code").allInnerTexts(), ["        pattern: 'disk (\\S+) is (\\d+)% full'"]);
    await anna.getByLabel("Reason").fill("disks are gone, too");
    await shot(anna, "51-rule-diff");
    assert.deepEqual(await browser.faults(anna), [], "axe");
    await anna.getByRole("button", { name: "Propose change" }).click();
    await card(anna, "disks are gone").waitFor();
    assert.ok(await anna.getByRole("button", { name: "Approve the change of disk-full" }).isDisabled());
    await anna.getByText("You proposed it: another administrator decides.").waitFor();
    const pending = (await site.ask("anna", "GET", "/approvals/pending")).count;
    await until("it counts among what waits", async () => (await anna.locator(".bar nav .count").innerText()) === String(pending + 1));
    const { changes } = await site.ask("anna", "GET", "/rules/changes?status=proposed");
    await assert.rejects(site.ask("anna", "POST", `/rules/changes/${changes[0].id}/approve`, { seen: changes[0].result }), /own-proposal/);
    await assert.rejects(site.ask("otto", "POST", `/rules/changes/${changes[0].id}/approve`, { seen: changes[0].result }), /forbidden/);
    assert.equal(read(), text, "nothing is written before the approval");
    await clean(anna);
  });

  await test("another administrator approves it: the file has that change alone, and it works at once", async () => {
    await signIn(abel, "abel", "/approvals");
    await abel.getByRole("link", { name: "disk-full" }).click();
    await card(abel, "disks are gone").getByText("Its 2 tests pass.").waitFor();
    for (const [scheme, width] of [["dark", 1440], ["light", 1440], ["light", 360], ["dark", 360]]) {
      await abel.emulateMedia({ colorScheme: scheme });
      await abel.setViewportSize({ width, height: 900 });
      assert.deepEqual(await browser.faults(abel), [], `axe ${scheme} ${width}`);
      const sideways = await abel.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(sideways <= 0, `scrolls sideways by ${sideways} at ${width}`);
      await shot(abel, `52-change-${scheme}-${width}`);
    }
    await abel.setViewportSize({ width: 1440, height: 900 });
    await abel.getByRole("button", { name: "Approve the change of disk-full" }).focus();
    await abel.keyboard.press("Enter");
    const asked = abel.getByRole("dialog");
    await asked.getByRole("button", { name: "Cancel" }).waitFor();
    assert.equal(await abel.evaluate(() => document.activeElement.textContent), "Cancel", "the focus is on the way out");
    await asked.getByRole("button", { name: "Approve and apply" }).click();
    await asked.getByText("It is in the file, and in use.").waitFor();
    const expected = text
      .replace("is (\\d+)% full'", "is (\\d+)% (?:full|gone)'")
      .replace("          - { line:", "          - { line: 'disk /srv is 99% gone', expect: match }\n          - { line:");
    assert.equal(read(), expected);
    assert.equal(readFileSync(`${file}.previous`, "utf8"), text, "the file before is kept");
    site.log("2026-02-20 disk /approved is 99% gone");
    await until("the new rule finds it", async () => (await site.ask("vera", "GET", "/incidents?q=approved")).count === 1);
    const { entries } = await site.ask("anna", "GET", "/audit?limit=50");
    const told = entries.map((one) => `${one.action} ${one.actor}`);
    for (const step of ["change.proposed anna", "change.decisionRefused anna", "change.approved abel", "change.applied abel", "config.replaced abel"]) {
      assert.ok(told.includes(step), `${step} in ${told.join(", ")}`);
    }
    await clean(abel);
  });

  await test("an edit by hand makes a change outdated, and nothing is lost", async () => {
    await anna.goto("/rules");
    await anna.getByRole("button", { name: "Edit deploy" }).click();
    await rule(anna).fill((await rule(anna).inputValue()).replace("severity: info", "severity: warning"));
    await sound(anna).waitFor();
    await anna.getByRole("button", { name: "Show what changes" }).click();
    await anna.getByLabel("Reason").fill("deploys matter");
    await anna.getByRole("button", { name: "Propose change" }).click();
    await card(anna, "deploys matter").waitFor();
    const [change] = (await site.ask("abel", "GET", "/rules/changes?status=proposed")).changes;
    const edited = `${read()}# By hand, meanwhile.\n`;
    writeFileSync(file, edited);
    await assert.rejects(site.ask("abel", "POST", `/rules/changes/${change.id}/approve`, { seen: change.result }), /outdated/);
    assert.equal(read(), edited);
    await anna.goto("/rules");
    await anna.getByText("Changes before").click();
    await card(anna, "deploys matter").getByText("outdated", { exact: true }).waitFor();
    await anna.getByRole("button", { name: "Propose again deploy" }).click();
    assert.match(await rule(anna).inputValue(), /severity: warning/, "the text is not lost");
    await shot(anna, "53-outdated");
    await clean(anna);
  });

  await test("a detector without rules gets its first one, with a section of its own", async () => {
    const without = read().split("\n").filter((line) => !line.startsWith('  "detector.threshold"')).join("\n");
    writeFileSync(file, without);
    await site.ask("anna", "POST", "/reload", {});
    await anna.goto("/rules");
    await anna.getByText("It has no rules.").waitFor();
    await shot(anna, "54-no-rules");
    await anna.getByRole("button", { name: "New rule of detector.threshold" }).click();
    await sound(anna).waitFor();
    await anna.getByRole("button", { name: "Show what changes" }).click();
    const added = anna.locator(".diff [data-kind=added] code");
    await added.first().waitFor();
    assert.deepEqual((await added.allInnerTexts()).slice(0, 4), ["  detector.threshold:", "    enabled: true", "    rules:", "      - id: my-rule"]);
    await anna.getByLabel("Reason").fill("memory, too");
    await anna.getByRole("button", { name: "Propose change" }).click();
    await card(anna, "memory, too").waitFor();
    const [change] = (await site.ask("abel", "GET", "/rules/changes?status=proposed")).changes;
    await site.ask("abel", "POST", `/rules/changes/${change.id}/approve`, { seen: change.result });
    await until("the new rule runs", async () => (await site.ask("abel", "GET", "/rules?detector=detector.threshold")).rules[0]?.running);
    await clean(anna);
  });

  await test("what administers the server wants a sign-in of a moment ago, and loses nothing meanwhile", async () => {
    let isOld = true;
    // As the server answers after a quarter of an hour.
    const old = { status: 403, contentType: "application/problem+json", body: JSON.stringify({ code: "sign-in-again", title: "Sign in again" }) };
    await anna.route("**/api/rules/changes", (route) => (isOld && route.request().method() === "POST" ? route.fulfill(old) : route.continue()));
    await anna.goto("/rules");
    await anna.getByRole("button", { name: "Edit deploy" }).click();
    await rule(anna).fill((await rule(anna).inputValue()).replace("severity: info", "severity: critical"));
    await sound(anna).waitFor();
    await anna.getByRole("button", { name: "Show what changes" }).click();
    await anna.getByLabel("Reason").fill("deploys are critical");
    const propose = anna.getByRole("button", { name: "Propose change" });
    await propose.click();
    const asked = anna.getByRole("dialog", { name: "Sign in again" });
    await asked.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await shot(anna, "55-sign-in-again");
    assert.deepEqual(await browser.faults(anna), [], "axe");
    await asked.getByRole("button", { name: "Cancel" }).click();
    await anna.locator(".faults").getByText("Sign in again").waitFor();
    await propose.click();
    const byKey = asked.getByRole("button", { name: "Use an API key" });
    await asked.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    if (await byKey.count()) await byKey.click();
    await asked.getByLabel("API key").fill(site.keys.anna);
    isOld = false;
    await asked.getByRole("button", { name: "Sign in", exact: true }).click();
    await card(anna, "deploys are critical").waitFor();
    assert.equal(await asked.count(), 0);
    await anna.unroute("**/api/rules/changes");
    await until("the page is live again", async () => (await anna.getByText("live", { exact: true }).count()) > 0);
    await clean(anna);
  });

  await test("an operator and a viewer see what they may, and change no rule", async () => {
    const otto = await browser.page(site);
    await signIn(otto, "otto", "/rules");
    await otto.getByText("disk-full", { exact: true }).filter({ visible: true }).first().waitFor();
    await sleep(100);
    assert.equal(await otto.getByRole("button", { name: /^(Edit|Remove|New rule)/ }).count(), 0);
    for (const who of ["otto", "vera"]) {
      await assert.rejects(site.ask(who, "POST", "/rules/changes", { detector: "detector.regex", id: "deploy", rule: "id: deploy", reason: "x" }), /forbidden/);
    }
    await assert.rejects(site.ask("vera", "GET", "/rules/text?detector=detector.regex&id=deploy"), /forbidden/);
    await otto.context().close();
  });

  await anna.context().close();
  await abel.context().close();
  writeFileSync(file, before);
  await site.ask("anna", "POST", "/reload", {});
}
