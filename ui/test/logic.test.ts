import { describe, expect, test } from "vitest";

import { apply, settle } from "../src/apply";
import { isGrave, left, obstacle, spoken } from "../src/decide";
import { listed, parse, passes, query, shift } from "../src/order";
import { age, brief, marked, pieces, span, visible } from "../src/text";
import type { Happening, Incident, Proposal, Who } from "../src/types";

const incident = (id: string, more: Partial<Incident> = {}): Incident => ({
  id, title: `title ${id}`, description: "", severity: "warning", status: "open", detectedBy: "detector.test",
  detectedAt: "2026-02-20T12:00:00Z", createdAt: "2026-02-20T12:00:00Z", updatedAt: "2026-02-20T12:00:00Z",
  lastSeenAt: "2026-02-20T12:00:00Z", occurrences: 1, ...more,
});

const happening = (type: string, payload: Happening["payload"], timestamp = "2026-02-20T12:00:01Z"): Happening => ({
  id: "e", type, source: "core", timestamp, payload,
});

describe("text", () => {
  test("what cannot be seen is named, and nothing else is touched", () => {
    expect(visible("a\u202eb\u200bc\u0007\u007f\u0085\u{e0041}")).toBe("a⟦RLO⟧b⟦ZWSP⟧c⟦␇⟧⟦␡⟧⟦U+0085⟧⟦U+E0041⟧");
    expect(visible("<b>Grüße 日本 👩</b>")).toBe("<b>Grüße 日本 👩</b>");
    expect(pieces("")).toEqual([]);
    expect(pieces("line\nend").map((one) => one.hidden)).toEqual([false, true, false]);
  });

  test("parts are marked in their order, once each", () => {
    const shown = (line: string, parts: string[]): string => marked(line, parts).map((one) => (one.mark ? `[${one.text}]` : one.text)).join("");
    expect(shown("disk /var is 97% full", ["/var", "97"])).toBe("disk [/var] is [97]% full");
    expect(shown("a a a", ["a", "a"])).toBe("[a] [a] a");
    expect(shown("nothing", ["x", ""])).toBe("nothing");
  });

  test("values of any kind are one line", () => {
    expect([null, "a", 1234, ["x", 1], [], [{}], { a: 1 }].map(brief)).toEqual(["–", "a", "1,234", "x, 1", "[]", "[{}]", '{"a":1}']);
  });

  test("times are short and never negative", () => {
    expect([0, 59_999, 60_000, 61_000, 3_600_000, 90_000_000, -5].map(span)).toEqual(["0 s", "59 s", "1 m", "1 m 1 s", "1 h", "1 d 1 h", "0 s"]);
    expect(age("2026-02-20T12:00:00Z", Date.parse("2026-02-20T11:59:00Z"))).toBe("0s");
  });
});

describe("events", () => {
  const created = happening("incident.created", { incidentId: "a", title: "t", severity: "critical", detectedAt: "2026-02-20T12:00:00Z", context: {} });
  const closed = happening("incident.updated", { incidentId: "a", field: "status", newValue: "closed", updatedAt: "2026-02-20T12:00:05Z" });

  test("the same event twice changes nothing more", () => {
    const once = apply(new Map(), [created, closed]);
    expect(once.get("a")).toMatchObject({ severity: "critical", status: "closed" });
    expect(apply(once, [created])).toBe(once);
    expect(apply(once, [closed]).get("a")).toEqual(once.get("a"));
  });

  test("what repeats is counted once, and not when a reading counted it", () => {
    const again = (lastSeenAt: string): Happening => happening("incident.repeated", { incidentId: "a", occurrences: 3, lastSeenAt });
    const read = new Map([["a", incident("a", { occurrences: 5, lastSeenAt: "2026-02-20T12:00:10Z" })]]);
    expect(apply(read, [again("2026-02-20T12:00:10Z")])).toBe(read);
    const later = [again("2026-02-20T12:00:11Z"), again("2026-02-20T12:00:11Z"), again("2026-02-20T12:00:12Z")];
    expect(apply(read, later).get("a")).toMatchObject({ occurrences: 11, lastSeenAt: "2026-02-20T12:00:12Z" });
  });

  test("a reading removes what is gone, and nothing that came meanwhile", () => {
    const all = new Map(["kept", "gone", "came", "other"].map((id) => [id, incident(id, id === "other" ? { status: "closed" } : {})]));
    const left = settle(all, new Set(["kept", "gone", "other"]), new Set(["kept"]), ["open", "acknowledged"]);
    expect([...left.keys()]).toEqual(["kept", "came", "other"]);
    expect(settle(left, new Set(), new Set(), ["open"])).toBe(left);
  });

  test("what is older than what is known is passed over", () => {
    const known = new Map([["a", incident("a", { status: "resolved", updatedAt: "2026-02-20T13:00:00Z" })]]);
    expect(apply(known, [closed])).toBe(known);
  });

  test("fields, owners and findings arrive; others are left alone", () => {
    const update = (field: string, newValue: never | string | number | object | null) =>
      happening("incident.updated", { incidentId: "a", field, newValue: newValue as never, updatedAt: "2026-02-20T12:00:05Z" });
    const all = apply(new Map([["a", incident("a", { assignee: "otto" })]]), [
      update("occurrences", 7), update("assignee", null), update("enrichments.enricher.x", { y: 1 }), update("__proto__", "bad"),
    ]).get("a");
    expect(all).toMatchObject({ occurrences: 7, enrichments: { "enricher.x": { y: 1 } } });
    expect(all).not.toHaveProperty("assignee");
    expect(apply(new Map(), [update("status", "closed")]).size).toBe(0);
  });
});

describe("the list", () => {
  test("who must act comes first", () => {
    const all = [
      incident("done", { status: "resolved", severity: "critical" }),
      incident("taken", { status: "acknowledged", severity: "critical" }),
      incident("old", { createdAt: "2026-02-20T11:00:00Z" }),
      incident("new"),
      incident("worst", { severity: "critical" }),
    ];
    const filter = parse("?status=open,acknowledged,resolved");
    expect(listed(all, filter, "", 0).map((one) => one.id)).toEqual(["worst", "new", "old", "taken", "done"]);
  });

  test("a filter comes back from its address, and nonsense is the usual", () => {
    for (const address of ["", "?q=disk+full", "?severity=critical&status=open,closed&owner=me"]) expect(query(parse(address))).toBe(address);
    expect(query(parse("?severity=worst&owner=you&x=1"))).toBe("");
  });

  test("every word must be found", () => {
    const one = incident("a", { title: "Disk full", context: { logSource: "/var/log/app.log" } });
    expect(passes(one, parse("?q=FULL+app.log"), "", 0)).toBe(true);
    expect(passes(one, parse("?q=full+nothing"), "", 0)).toBe(false);
  });

  test("rows that come in above are counted", () => {
    expect(shift(["a", "b"], ["x", "y", "a", "b"], "b")).toBe(2);
    expect(shift(["a"], ["b"], "a")).toBe(0);
    expect(shift(["a"], ["b", "a"], null)).toBe(0);
  });
});

describe("deciding", () => {
  const now = Date.parse("2026-02-20T12:00:00Z");
  const otto: Who = { subject: "otto", role: "operator", kind: "human", method: "session" };
  const proposal = (more: Partial<Proposal> = {}): Proposal => ({
    id: "p", status: "pending", actionType: "restart", description: "", reasoning: "", requestedBy: "action.safe",
    requestedAt: "2026-02-20T11:00:00Z", expiresAt: "2026-02-20T13:00:00Z", policy: { role: "operator", approvers: 1, maxAgeMinutes: 60, tokenMinutes: 15 },
    approvals: [], actions: [], ...more,
  });

  test("who may not learns why", () => {
    expect(obstacle(proposal(), otto, now)).toBeNull();
    expect(obstacle(proposal({ requestedBy: " OTTO" }), otto, now)).toMatch(/You proposed it/);
    expect(obstacle(proposal({ askedBy: "otto" }), otto, now)).toMatch(/proposed for you/);
    expect(obstacle(proposal({ approvals: [{ by: "Otto", at: "" }] }), otto, now)).toMatch(/Another person/);
    expect(obstacle(proposal(), { ...otto, role: "viewer" }, now)).toMatch(/viewer/);
    expect(obstacle(proposal(), { ...otto, kind: "agent" }, now)).toMatch(/Only a person/);
    expect(obstacle(proposal({ policy: { ...proposal().policy, role: "admin" } }), otto, now)).toMatch(/needs the role admin/);
    expect(obstacle(proposal(), otto, now + 7_200_000)).toMatch(/over/);
    expect(obstacle(proposal({ status: "denied" }), otto, now)).toMatch(/denied/);
  });

  test("what needs two people or an administrator is grave", () => {
    expect(isGrave(proposal())).toBe(false);
    expect(isGrave(proposal({ policy: { ...proposal().policy, approvers: 2 } }))).toBe(true);
  });

  test("time is told, and said at its moments alone", () => {
    expect([3_661_000, 61_000, 500, -1].map(left)).toEqual(["1:01:01", "1:01", "0:01", "0:00"]);
    expect(spoken(301_000, 300_000)).toMatch(/5 minutes/);
    expect(spoken(300_000, 299_000)).toBe("");
    expect(spoken(400_000, 9_000)).toMatch(/10 seconds/);
    expect(spoken(1_000, 0)).toMatch(/over/);
  });
});
