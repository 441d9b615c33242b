import { expect, test } from "vitest";

import { channelOptions, fresh, options, said, sourceOptions, SOURCES, take, taken, wishOf } from "../src/setup";

test("what is filled in becomes options, and what is empty is left out", () => {
  expect(sourceOptions("connector.fileTail", { paths: " /a \n\n/b" })).toEqual({ paths: ["/a", "/b"] });
  expect(sourceOptions("connector.fileTail", {})).toEqual({ paths: [] });
  expect(sourceOptions("connector.syslog", { port: "514" })).toEqual({ protocol: "udp", host: "127.0.0.1", port: 514 });
  expect(sourceOptions("connector.syslog", { port: "x" })).toMatchObject({ port: "x" });
  expect(sourceOptions("connector.journald", {})).toEqual({});
  expect(sourceOptions("connector.kubernetes", { namespace: " ", kubeconfig: "/k" })).toEqual({ kubeconfig: "/k" });
  expect(sourceOptions("connector.healthCheck", { endpoints: "http://a" })).toEqual({ endpoints: [{ id: "endpoint-1", name: "http://a", url: "http://a" }] });
  expect(options([{ key: "a", label: "", kind: "text", usual: "u" }], { a: "" })).toEqual({});
});

test("a channel has a name of its own and hears of new incidents", () => {
  const one = { id: "file", type: "file", filled: { path: "/x" } };
  expect(channelOptions(one)).toEqual({ id: "file", type: "file", events: ["incident.created"], path: "/x" });
  expect(fresh("file", [one])).toBe("file-2");
  expect(fresh("console", [one])).toBe("console");
  expect(wishOf({ "connector.metrics": {} }, [one]).sources).toEqual({ "connector.metrics": {} });
});

test("an offer is added once to what is there", () => {
  const fields = SOURCES["connector.fileTail"]!;
  const offer = { name: "/b", options: { paths: ["/b"] } };
  const once = take(fields, { paths: "/a" }, offer);
  expect(once).toEqual({ paths: "/a\n/b" });
  expect(take(fields, once, offer)).toEqual(once);
  expect([taken(fields, undefined, offer), taken(fields, { paths: "/a" }, offer), taken(fields, once, offer)]).toEqual([false, false, true]);
});

test("a fault says where, what, and the way out", () => {
  expect(said({ line: 3, key: "modules", message: "is odd", help: "even it out" })).toBe("line 3: modules: is odd; even it out");
  expect(said({ key: "", message: "is odd" })).toBe("is odd");
});
