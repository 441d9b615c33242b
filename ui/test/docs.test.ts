import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { alternative, bounds, codes, curl, find, grouped, kind, operations, parts, resolve, sample, type Document } from "../src/docs/document";

const document = JSON.parse(readFileSync(join(import.meta.dirname, "../../docs/reference/openapi.json"), "utf8")) as Document;
const all = operations(document);
const named = (id: string) => all.find((one) => one.operationId === id)!;

test("every operation is listed once, by its tag", () => {
  const ids = grouped(all).flatMap(([, some]) => some.map((one) => one.operationId));
  expect(ids.length).toBeGreaterThan(60);
  expect(new Set(ids).size).toBe(all.length);
});

test("every answer and every schema leads somewhere", () => {
  for (const one of all) {
    for (const answer of Object.values(one.responses)) {
      const found = resolve(document, answer);
      expect(found?.description, one.operationId).toBeTruthy();
      for (const { schema } of Object.values(found?.content ?? {})) if (schema?.$ref) expect(resolve(document, schema), schema.$ref).toBeTruthy();
    }
  }
  expect(resolve(document, { $ref: "#/components/schemas/constructor" })).toBeUndefined();
});

test("a search looks at words of all kinds, and for all of them", () => {
  const ids = (sought: string): string[] => find(document, all, sought).map((one) => one.operationId);
  expect(ids("no-such-view")).toEqual(["deleteViewsByName", "getViewsByName", "putViewsByName"]);
  expect(ids("RULES test")).toContain("postRulesTest");
  expect(ids("admin reload")).toContain("postReload");
  expect(ids("viewer reload")).not.toContain("postReload");
  expect(ids("surely nothing")).toEqual([]);
  expect(ids("")).toHaveLength(all.length);
});

test("errors are told by code, each with its meaning", () => {
  const answer = resolve(document, named("postReload").responses["422"]!)!;
  expect(codes(document, answer)).toEqual([
    { code: "configuration-invalid", title: "The configuration was not reloaded." },
    { code: "idempotency-key-reused", title: "The key belongs to another request." },
  ]);
  const untitled = all.flatMap((one) => Object.values(one.responses)).flatMap((one) => codes(document, resolve(document, one)!)).filter((one) => !one.title);
  expect(untitled).toEqual([]);
});

test("types are told in a few words", () => {
  expect(kind({ type: "array", items: { $ref: "#/components/schemas/Incident" } })).toBe("list of Incident");
  expect(kind({ type: ["string", "null"] })).toBe("string | null");
  expect(kind({ type: "string", format: "date-time" })).toBe("string (date-time)");
  expect(kind({ oneOf: [{ const: "a" }, { type: "null" }] })).toBe('"a" | null');
  expect(kind({})).toBe("anything");
  expect(bounds({ minimum: 1, maximum: 500, default: 100 })).toEqual(["1 to 500", "100 unless said"]);
  expect(bounds({ minimum: 0, maximum: 2 ** 64 })).toEqual([]);
  expect(parts(document, { type: "array", items: { $ref: "#/components/schemas/Incident" } })?.properties).toHaveProperty("severity");
  expect(parts(document, { type: "string" })).toBeNull();
});

test("alternatives are told apart by what they must have", () => {
  expect(alternative({ title: "A key", type: "object", required: ["apiKey"] })).toBe("A key");
  expect(alternative({ type: "object", required: ["ids", "change"], properties: { change: { enum: ["resolve", "close"] } } }))
    .toBe("ids, change: resolve | close");
  expect(alternative({ type: "object", properties: { reason: { type: "string" } } })).toBe("object");
});

test("a line for a shell has the method, the credential, and the least body that is taken", () => {
  expect(curl(document, named("getIncidentsById"), "http://127.0.0.1:3000")).toBe('curl -sS -H "X-API-Key: $OPSPILOT_API_KEY" "http://127.0.0.1:3000/api/incidents/$ID"');
  const comment = curl(document, named("postIncidentsByIdComment"), "http://h");
  expect(comment).toContain("-X POST");
  expect(comment).toContain(`-d '{"text":"…"}'`);
  expect(curl(document, named("getStream"), "http://h")).toContain("curl -sS -N");
  expect(curl(document, named("postSession"), "http://h")).not.toContain("X-API-Key");
  expect(sample(document, { type: "object", required: ["a"], properties: { a: { type: "string", const: "it's" } } })).toEqual({ a: "it's" });
});

test("a type that holds itself has a sample all the same", () => {
  const looped = { ...document, components: { ...document.components, schemas: { Loop: { type: "object", required: ["next"], properties: { next: { $ref: "#/components/schemas/Loop" } } } } } } as Document;
  expect(JSON.stringify(sample(looped, { $ref: "#/components/schemas/Loop" }))).toBe('{"next":{"next":{"next":{"next":{}}}}}');
});
