import { describe, expect, test, vi } from "vitest";

import { told } from "../src/bulk";
import { digests, isOther } from "../src/decide";
import { BOX, around, layout, way } from "../src/layout";
import { listed, parse, passes, query } from "../src/order";
import { find, type Command } from "../src/palette";
import { changes, reading, type Topology } from "../src/plant";
import { plot, samples } from "../src/plot";
import { LINES, linesOf } from "../src/rules";
import type { Incident, Proposal } from "../src/types";

// What is tested here asks no server and draws nothing.
vi.mock("../src/api", () => ({}));
vi.mock("../src/store", () => ({}));

const NOW = Date.parse("2026-02-20T12:00:00Z");

const incident = (id: string, more: Partial<Incident> = {}): Incident => ({
  id, title: `title ${id}`, description: "", severity: "warning", status: "open", detectedBy: "detector.test",
  detectedAt: "2026-02-20T12:00:00Z", createdAt: "2026-02-20T12:00:00Z", updatedAt: "2026-02-20T12:00:00Z",
  lastSeenAt: "2026-02-20T12:00:00Z", occurrences: 1, ...more,
});

describe("filters", () => {
  test("module and time stand in the address, and nothing unknown does", () => {
    const address = "?module=detector.regex&within=24h";
    expect(query(parse(address))).toBe(address);
    for (const odd of ["?within=1y", "?within=constructor", "?within="]) expect(query(parse(odd))).toBe("");
  });

  test("an incident passes by its detector and its age", () => {
    const old = incident("old", { createdAt: "2026-02-20T10:59:59Z" });
    expect(passes(old, parse("?within=1h"), "", NOW)).toBe(false);
    expect(passes(old, parse("?within=24h"), "", NOW)).toBe(true);
    expect(listed([old, incident("new")], parse("?within=1h"), "", NOW).map((one) => one.id)).toEqual(["new"]);
    expect(passes(old, parse("?module=detector.other"), "", NOW)).toBe(false);
    expect(passes(old, parse("?module=detector.test"), "", NOW)).toBe(true);
  });
});

test("a bulk change tells how many were changed and why others were not", () => {
  const done = { id: "a", status: 200, incidentStatus: "resolved" as const };
  expect(told("resolve", [done, done])).toBe("2 resolved");
  expect(told("resolve", [done, { id: "b", status: 409, detail: "it is closed" }])).toBe("1 resolved, 1 not: it is closed");
  expect(told("reopen", [])).toBe("0 reopened");
});

describe("charts", () => {
  test("only samples with a threshold are drawn", () => {
    const pair = [[1_000, 5], [0, 7]];
    expect(samples({ samples: pair, threshold: 6, operator: ">" })?.points).toEqual(pair);
    for (const odd of [{}, { samples: pair }, { samples: [[0, 1]], threshold: 1 }, { samples: "x", threshold: 1 }, { samples: [["0", 1], [null, 2], 3, [1, 2, 3]], threshold: 1 }]) {
      expect(samples(odd)).toBeNull();
    }
  });

  test("what is beyond the threshold is on its other side, and all is in the box", () => {
    const drawn = plot({ points: [[2_000, 10], [1_000, 95], [0, 100]], threshold: 90, operator: ">" }, 100, 50);
    expect(drawn.dots.map((dot) => dot.beyond)).toEqual([false, true, true]);
    expect(drawn.dots.map((dot) => dot.y < drawn.limit)).toEqual([false, true, true]);
    expect(drawn.dots.map((dot) => dot.x)).toEqual([0, 50, 100]);
    for (const { y } of drawn.dots) expect(y > 0 && y < 50).toBe(true);
    expect([drawn.low, drawn.high, drawn.span, drawn.beyond]).toEqual([10, 100, 2_000, 2]);
    expect(drawn.path).toMatch(/^M0 [\d.]+L50 [\d.]+L100 [\d.]+$/);
  });

  test("equal values and equal times are drawn too", () => {
    const drawn = plot({ points: [[0, 0], [0, 0], [0, 0]], threshold: 0, operator: "<" }, 100, 50);
    expect(drawn.dots.map((dot) => dot.x)).toEqual([0, 50, 100]);
    expect(drawn.dots.every((dot) => dot.y === 25 && !dot.beyond)).toBe(true);
  });
});

describe("topology", () => {
  const node = (id: string, category: string): Topology["nodes"][number] => ({ id, category, description: "", state: "running", status: "healthy" });
  const nodes = [node("connector.a", "connector"), node("detector.b", "detector"), node("detector.c", "detector"), node("x.y", "strange")];

  test("a column for each kind, and nothing stands on another", () => {
    const { placed, heads, width, height } = layout(nodes);
    expect(heads.map((one) => one.title)).toEqual(["Sources", "Detectors", "Others"]);
    const boxes = [...placed.values()];
    for (const one of boxes) {
      expect(one.x + BOX.width <= width && one.y + BOX.height <= height).toBe(true);
      for (const other of boxes) if (one !== other && one.x === other.x) expect(Math.abs(one.y - other.y)).toBeGreaterThan(BOX.height);
    }
    expect(layout([]).placed.size).toBe(0);
  });

  test("a way leaves on the right, and comes back on the right when it goes back", () => {
    const { placed } = layout(nodes);
    const [a, b] = [placed.get("connector.a"), placed.get("detector.b")];
    if (!a || !b) throw new Error("not placed");
    expect(way(a, b)).toMatch(new RegExp(`^M${BOX.width} .* ${b.x} [\\d.]+$`));
    expect(way(b, a)).toMatch(new RegExp(` ${BOX.width} [\\d.]+$`));
  });

  test("around a module are those it hears and those that hear it", () => {
    const edges = [{ from: "connector.a", to: "detector.b", types: ["log.ingested"] }];
    expect(around({ nodes, edges }, "detector.b")).toEqual({ hears: [["connector.a", ["log.ingested"]]], heard: [] });
  });
});

test("a reload tells what it did, and says so when that was nothing", () => {
  expect(changes({ started: [], restarted: ["a", "b"], stopped: [], needsRestart: ["auth"] })).toEqual(["Started again: a, b", "Waits for the next start of the server: auth"]);
  expect(changes({ started: [], restarted: [] })).toEqual(["Nothing changed."]);
  expect(changes({ message: "it goes on" })).toEqual(["it goes on"]);
  expect(reading({ name: "opspilot_file_lines_cut_total", labels: { kind: "long" }, value: 1 })).toBe("file lines cut (long)");
});

test("pasted lines lose the last line's end and nothing else", () => {
  expect(linesOf("a\r\n\nb\n")).toEqual(["a", "", "b"]);
  expect(linesOf("")).toEqual([]);
  expect(linesOf("x\n".repeat(LINES + 5)).length).toBe(LINES);
});

test("the palette finds by any words, the most urgent first", () => {
  const command = (name: string): Command => ({ name, hint: "a view", run: () => undefined });
  const all = [incident("late", { status: "resolved" }), incident("hot", { severity: "critical", context: { matchedLine: "DISK full" } })];
  expect(find("", [command("Now")], all)).toMatchObject({ commands: [{ name: "Now" }], incidents: [{ id: "hot" }, { id: "late" }] });
  const { commands, incidents } = find(" disk  title ", [command("Now")], all);
  expect([commands.length, incidents.map((one) => one.id)]).toEqual([0, ["hot"]]);
  expect(find("x", [], Array.from({ length: 50 }, (_, at) => incident(`x${at}`))).incidents.length).toBe(20);
});

test("a proposal is another when any of its actions is, or their order", () => {
  const proposal = (...all: string[]): Proposal => ({ actions: all.map((digest) => ({ digest })) }) as unknown as Proposal;
  expect(digests(proposal("a", "b"))).toEqual(["a", "b"]);
  expect(isOther(proposal("a", "b"), proposal("a", "b"))).toBe(false);
  for (const other of [["b", "a"], ["a"], ["a", "b", "c"], []]) expect(isOther(proposal("a", "b"), proposal(...other))).toBe(true);
});
