import { expect, test } from "vitest";

import { jumps, type DiffLine } from "../src/diff";
import { channelOptions, fresh, given, ifStill, locked, options, outcome, said, sourceOptions, SOURCES, take, taken, wishOf, type Chosen } from "../src/setup";
import type { AuditEntry, Facts } from "../src/types";

const fill = (filled: Record<string, string>, kept: Facts | null = null): Chosen => ({ filled, kept });
const field = (id: string, key: string) => SOURCES[id]!.find((one) => one.key === key)!;

test("what is filled in becomes options, and what is empty is left out", () => {
  expect(sourceOptions("connector.fileTail", fill({ paths: " /a \n\n/b" }))).toEqual({ paths: ["/a", "/b"] });
  expect(sourceOptions("connector.fileTail", fill({}))).toEqual({ paths: [] });
  expect(sourceOptions("connector.syslog", fill({ port: "514" }))).toEqual({ protocol: "udp", host: "127.0.0.1", port: 514 });
  expect(sourceOptions("connector.syslog", fill({ port: "x" }))).toMatchObject({ port: "x" });
  expect(sourceOptions("connector.journald", fill({}))).toEqual({});
  expect(sourceOptions("connector.kubernetes", fill({ namespace: " ", kubeconfig: "/k" }))).toEqual({});
  expect(sourceOptions("connector.healthCheck", fill({ endpoints: "http://a" }))).toEqual({ endpoints: [{ id: "endpoint-1", name: "http://a", url: "http://a" }] });
  expect(options([{ key: "a", label: "", kind: "text", usual: "u" }], { a: "" })).toEqual({});
});

test("a channel has a name of its own and hears of new incidents", () => {
  const one = { id: "file", type: "file", filled: { path: "/x" } };
  expect(channelOptions(one)).toEqual({ id: "file", type: "file", events: ["incident.created"], path: "/x" });
  expect(fresh("file", [one])).toBe("file-2");
  expect(fresh("console", [one])).toBe("console");
  expect(wishOf({ "connector.metrics": fill({}) }, [one]).sources).toEqual({ "connector.metrics": {} });
});

test("an offer is added once to what is there", () => {
  const fields = SOURCES["connector.fileTail"]!;
  const offer = { name: "/b", options: { paths: ["/b"] } };
  const once = take(fields, fill({ paths: "/a" }), offer);
  expect(once.filled).toEqual({ paths: "/a\n/b" });
  expect(take(fields, once, offer)).toEqual(once);
  expect([taken(fields, undefined, offer), taken(fields, fill({ paths: "/a" }), offer), taken(fields, once, offer)]).toEqual([false, false, true]);
});

test("choosing a source that is set up changes nothing of it", () => {
  const all: [string, Facts][] = [
    ["connector.fileTail", { paths: ["/var/log/a"], fromBeginning: true }],
    ["connector.syslog", { protocol: "tcp", host: "0.0.0.0", port: 6514 }],
    ["connector.syslog", {}],
    ["connector.kubernetes", { namespace: "shop", kubeconfig: "/k" }],
    ["connector.healthCheck", { endpoints: [{ id: "shop", name: "Shop", url: "http://a", headers: { x: "[redacted]" } }] }],
  ];
  for (const [id, kept] of all) expect(sourceOptions(id, fill({}, kept)), id).toEqual({});
});

test("what is changed of a source that is set up is sent, and what is there is shown", () => {
  const syslog = fill({ port: "514", host: "0.0.0.0" }, { protocol: "tcp", host: "0.0.0.0" });
  expect(sourceOptions("connector.syslog", syslog)).toEqual({ port: 514 });
  expect(given(field("connector.syslog", "protocol"), syslog)).toBe("tcp");
  expect(sourceOptions("connector.kubernetes", fill({ namespace: "" }, { namespace: "shop" }))).toEqual({ namespace: "" });
  const tail = fill({}, { paths: ["/a"] });
  const more = take(SOURCES["connector.fileTail"]!, tail, { name: "/b", options: { paths: ["/b"] } });
  expect(sourceOptions("connector.fileTail", more)).toEqual({ paths: ["/a", "/b"] });
  const checks = fill({ endpoints: "http://a\nhttp://b" }, { endpoints: [{ id: "endpoint-1", name: "A", url: "http://a" }] });
  const expected = [{ id: "endpoint-1", name: "A", url: "http://a" }, { id: "endpoint-2", name: "http://b", url: "http://b" }];
  expect(sourceOptions("connector.healthCheck", checks)).toEqual({ endpoints: expected });
});

test("what the form cannot show whole is left to the file", () => {
  const odd: [string, string, Facts][] = [
    ["connector.healthCheck", "endpoints", { endpoints: [{ id: "a", name: "A", url: "http://a", expectedStatus: 204 }] }],
    ["connector.healthCheck", "endpoints", { endpoints: "[redacted]" }],
    ["connector.fileTail", "paths", { paths: ["/a", "[redacted]"] }],
  ];
  for (const [id, key, kept] of odd) {
    const chosen = fill({ [key]: "http://b" }, kept);
    expect(locked(field(id, key), chosen)).not.toBe("");
    expect(sourceOptions(id, chosen)).toEqual({});
  }
  expect(locked(field("connector.fileTail", "paths"), fill({}, { paths: ["/a"] }))).toBe("");
});

test("an answer to another question is dropped", async () => {
  let question = "a";
  const late = <T>(then: () => T) => async (): Promise<T> => { question = "b"; return then(); };
  expect(await ifStill(() => question, late(() => 1))).toBeNull();
  question = "a";
  expect(await ifStill(() => question, late(() => { throw new Error("of a"); }))).toBeNull();
  expect(await ifStill(() => question, async () => 2)).toBe(2);
  await expect(ifStill(() => question, async () => { throw new Error("of b"); })).rejects.toThrow("of b");
});

test("what became of a file stands in the audit log, behind what was there before", () => {
  const entry = (seq: number, action: string, details: Facts = {}) => ({ seq, action, details, actor: "a", at: "" }) as unknown as AuditEntry;
  const old = [entry(3, "config.replacing"), entry(2, "config.replaced")];
  expect(outcome(old, 2)).toBeNull();
  expect(outcome([entry(4, "config.replaced"), ...old], 2)).toEqual({ reason: "" });
  expect(outcome([entry(4, "config.notReplaced", { reason: "no" }), ...old], 2)).toEqual({ reason: "no" });
});

test("where lines are left out the numbers jump", () => {
  const line = (kind: DiffLine["kind"], old?: number, next?: number): DiffLine => ({ kind, text: "", ...(old && { old }), ...(next && { new: next }) });
  const near = [line("same", 5, 5), line("removed", 6), line("added", undefined, 6), line("added", undefined, 7), line("same", 7, 8)];
  expect([...jumps(near)]).toEqual([]);
  expect([...jumps([...near, line("same", 20, 21), line("removed", 21)])]).toEqual([5]);
  expect([...jumps([...near, line("added", undefined, 12)])]).toEqual([5]);
});

test("a fault says where, what, and the way out", () => {
  expect(said({ line: 3, key: "modules", message: "is odd", help: "even it out" })).toBe("line 3: modules: is odd; even it out");
  expect(said({ key: "", message: "is odd" })).toBe("is odd");
});
