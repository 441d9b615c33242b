// Signing in by password, for which users are made with the command line while the server runs, and at an identity
// provider.

import assert from "node:assert/strict";

import { IdentityProvider } from "./provider.mjs";
import { Site, freePort } from "./site.mjs";

const FIRST = "correct horse battery";
const SECOND = "staple battery horse";

export async function signing({ test, site, browser, shot, clean }) {
  const user = (input, ...words) => site.tell(input, { OPSPILOT_API_KEY: site.keys.anna }, "user", "--server", `${site.url}/api`, ...words);
  const byPassword = async (page, password) => {
    await page.getByLabel("Name").fill("Uma");
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
  };

  await test("a person signs in by password, and a changed password ends the session", async () => {
    assert.equal(JSON.parse(user(`${FIRST}\n`, "add", "uma", "--role", "operator")).name, "uma");
    const page = await browser.page(site);
    await page.goto("/");
    await page.getByLabel("Password").waitFor();
    assert.equal(await page.getByLabel("Name").getAttribute("autocomplete"), "username");
    assert.equal(await page.getByLabel("Password").getAttribute("autocomplete"), "current-password");
    assert.deepEqual(await browser.faults(page), [], "axe");
    await shot(page, "50-sign-in-by-password");
    await byPassword(page, SECOND);
    await page.getByRole("alert").waitFor();
    await byPassword(page, FIRST);
    await page.locator(".pulse.live").waitFor();
    assert.equal(await page.evaluate(() => fetch("/api/session").then((answer) => answer.json()).then((who) => who.subject)), "uma");
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookie: document.cookie }));
    assert.ok(!kept.includes(FIRST), "the password is kept nowhere that a script reads");
    user(`${SECOND}\n`, "password", "uma");
    await page.getByLabel("Password").waitFor({ timeout: 10_000 });
    await byPassword(page, SECOND);
    await page.locator(".pulse.live").waitFor();
    user("", "remove", "uma");
    await page.getByLabel("API key").waitFor({ timeout: 10_000 });
    await clean(page);
    await page.context().close();
  });

  await test("the sign-in page is right in both themes and on a phone, and a key still lets in", async () => {
    user(`${FIRST}\n`, "add", "uma", "--role", "viewer");
    for (const [colorScheme, width] of [["dark", 1440], ["light", 360], ["dark", 360]]) {
      const page = await browser.page(site, { colorScheme, viewport: { width, height: 740 } });
      await page.goto("/");
      await page.getByLabel("Password").waitFor();
      await shot(page, `51-sign-in-${colorScheme}-${width}`);
      assert.deepEqual(await browser.faults(page), [], `axe ${colorScheme} ${width}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(wide <= 0, `${wide} px too wide`);
      await page.getByRole("button", { name: "Use an API key" }).click();
      await page.getByLabel("API key").fill(site.keys.vera);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.locator(".pulse.live").waitFor();
      await clean(page);
      await page.context().close();
    }
    user("", "remove", "uma");
  });

  await atProvider({ test, browser, shot });
}

/** A server of its own, whose people sign in at a provider. */
async function atProvider({ test, browser, shot }) {
  const port = await freePort();
  const site = await Site.make((settings) => {
    settings.auth.oidc = {
      issuer: `http://localhost:${port}`, clientId: "opspilot", clientSecret: "a secret of the client", name: "Example",
      scopes: ["openid", "profile", "groups"], subjectClaim: "preferredUsername",
      roles: [{ group: "ops", role: "operator" }, { group: "admins", role: "admin" }],
    };
  });
  const provider = await IdentityProvider.start(port, `${site.url}/api/session/oidc/callback`);
  await site.start();
  const own = async (page) => {
    await browser.reported(page);
    assert.deepEqual(browser.reports, [], "reports of the policy");
    assert.deepEqual(browser.errors, [], "errors of scripts");
    const foreign = browser.foreign.splice(0).filter((url) => !url.startsWith(provider.url));
    assert.deepEqual(foreign, [], "requests to other hosts");
  };
  const visit = async (login, options) => {
    const page = await browser.page(site, options);
    await page.goto("/");
    await page.getByRole("link", { name: "Sign in with Example" }).click();
    await page.getByLabel("Login").fill(login);
    await page.getByRole("button", { name: "Continue" }).click();
    return page;
  };

  await test("a person signs in at an identity provider, once for each answer of it", async () => {
    const start = await browser.page(site);
    await start.goto("/");
    await start.getByRole("link", { name: "Sign in with Example" }).waitFor();
    await shot(start, "52-sign-in-at-provider");
    assert.deepEqual(await browser.faults(start), [], "axe");
    await start.context().close();
    const page = await browser.page(site);
    let callback = "";
    page.on("request", (request) => {
      if (request.url().includes("/oidc/callback?")) callback = request.url();
    });
    await page.goto("/");
    await page.getByRole("link", { name: "Sign in with Example" }).click();
    await page.getByLabel("Login").fill("rosa");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.locator(".pulse.live").waitFor();
    const who = await page.evaluate(() => fetch("/api/session").then((answer) => answer.json()));
    assert.deepEqual([who.subject, who.role, who.kind], ["oidc:rosa", "operator", "human"]);
    const cookies = await page.context().cookies(site.url);
    assert.deepEqual(cookies.map((one) => [one.name, one.httpOnly, one.sameSite]), [["opspilot_session", true, "Strict"]]);
    assert.ok(callback.startsWith(site.url), "the way back");
    await page.locator(".bar .menu summary").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("link", { name: "Sign in with Example" }).waitFor();
    await page.goto(callback);
    await page.getByText("That sign-in did not come to an end.").waitFor();
    assert.equal(new URL(page.url()).search, "", "the word is told once");
    await own(page);
    await page.context().close();
  });

  await test("whoever wants to administer is asked again by the provider, whatever session there is", async () => {
    const page = await visit("abby");
    await page.locator(".pulse.live").waitFor();
    const reload = () => page.evaluate(async () => {
      const who = await fetch("/api/session").then((answer) => answer.json());
      const answer = await fetch("/api/reload", { method: "POST", headers: { "x-csrf-token": who.csrfToken } });
      return answer.ok ? "" : (await answer.json()).code;
    });
    // The provider says `auth_time` where it is asked for, and nowhere else.
    assert.equal(await reload(), "sign-in-again");
    await page.goto("/api/session/oidc");
    await page.locator(".pulse.live").waitFor();
    assert.equal(await reload(), "sign-in-again", "it let her through unseen");
    await page.goto("/sources");
    await page.getByRole("button", { name: "Read the configuration again" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Read it" }).click();
    await page.getByRole("dialog").getByRole("link", { name: "Sign in with Example" }).click();
    await page.getByLabel("Login").fill("abby");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.locator(".pulse.live").waitFor();
    assert.notEqual(await reload(), "sign-in-again");
    await own(page);
    await page.context().close();
  });

  await test("somebody whose groups may do nothing is told so, on a phone as well", async () => {
    const page = await visit("nick", { viewport: { width: 360, height: 740 }, colorScheme: "light" });
    await page.getByRole("alert").getByText("none of your groups").waitFor();
    await shot(page, "53-sign-in-no-role");
    assert.deepEqual(await browser.faults(page), [], "axe");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${wide} px too wide`);
    await own(page);
    await page.context().close();
  });

  await test("a provider that is gone stops nobody who has a key", async () => {
    await provider.stop();
    await site.stop();
    await site.start();
    const page = await browser.page(site);
    await page.goto("/");
    await page.getByRole("link", { name: "Sign in with Example" }).click();
    await page.getByText("The identity provider cannot be reached.").waitFor();
    await page.getByText("It did not answer a moment ago.").waitFor();
    await page.getByLabel("API key").fill(site.keys.vera);
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.locator(".pulse.live").waitFor();
    await own(page);
    await page.context().close();
  });
  await site.end();
}
