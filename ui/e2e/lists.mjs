// The list as a program sees it: when it is there, how often it is read, what of it is kept.

import assert from "node:assert/strict";

import { until } from "./site.mjs";

const CHANGES = 24;

/** The most lists that may be held: the newest, and one for each thing that was drawn before it and not since. */
const MOST = 6;

/** How many lists of incidents the page holds, after a collection of what it does not need. */
async function held(page) {
  const client = await page.context().newCDPSession(page);
  const { result: prototype } = await client.send("Runtime.evaluate", { expression: "Map.prototype" });
  const { objects } = await client.send("Runtime.queryObjects", { prototypeObjectId: prototype.objectId });
  const count = "function () { return this.filter((map) => map.size && [...map.values()].every((one) => one?.detectedBy)).length; }";
  const { result } = await client.send("Runtime.callFunctionOn", { functionDeclaration: count, objectId: objects.objectId });
  await client.detach();
  return result.value;
}

/** Runs all of it; `otto` is the page of an operator who is signed in. */
export async function lists({ test, site, otto, row }) {
  const names = Array.from({ length: CHANGES }, (_, at) => `list-${String(at).padStart(2, "0")}-`);
  const live = otto.locator(".pulse.live");

  await test("incidents are read once, however long that takes", async () => {
    site.log("2026-02-20 disk /list is 91% full", ...names.map((name) => `2026-02-20 deployed ${name}`));
    await row(otto, names.at(-1)).waitFor();
    const asked = [];
    const note = (request) => asked.push(request.url());
    let goOn = () => undefined;
    const isSlow = new Promise((done) => { goOn = done; });
    otto.on("request", note);
    await otto.route(/severity=info/, async (route) => {
      await isSlow;
      await route.continue();
    });
    try {
      await otto.goto("/");
      await row(otto, "/list").waitFor();
      // This is shown when the reading has brought something, and is when a second one would begin.
      await otto.locator(".counts").waitFor();
      site.log("2026-02-20 disk /after is 91% full");
      await row(otto, "/after").waitFor();
    } finally {
      goOn();
      otto.off("request", note);
      await otto.unrouteAll({ behavior: "wait" });
    }
    await row(otto, names.at(-1)).waitFor();
    const readings = asked.filter((url) => url.includes("severity=critical&limit=100"));
    assert.equal(readings.length, 1, readings.join("\n"));
  });

  await test("the first incidents are there before the stream is", async () => {
    const stream = "**/api/stream*";
    await otto.route(stream, (route) => route.abort());
    try {
      await otto.goto("/");
      await row(otto, names.at(-1)).waitFor();
      assert.equal(await live.count(), 0);
    } finally {
      await otto.unroute(stream);
    }
  });

  await test("a list that is out of date is let go", async () => {
    await otto.goto("/");
    await live.waitFor();
    const { incidents } = await site.ask("otto", "GET", "/incidents?q=list-&limit=100");
    for (const name of names) {
      const { id } = incidents.find(({ description }) => description.includes(name));
      await site.ask("olga", "POST", `/incidents/${encodeURIComponent(id)}/assign`, { assignee: "olga" });
      await until("it is shown", () => row(otto, name).locator(".owner", { hasText: "olga" }).count());
    }
    const count = await held(otto);
    assert.ok(count <= MOST, `${count} lists are held after ${CHANGES} changes`);
  });
}
