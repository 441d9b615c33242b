// Changes of rules in the configuration file: one administrator proposes, another approves.

import * as api from "./api";
import type { DiffLine } from "./diff";
import { now, set } from "./store";

export type ChangeKind = "edit" | "add" | "remove";

/** A change, as it is served. */
export interface Change {
  id: string;
  status: "proposed" | "applying" | "applied" | "refused" | "withdrawn" | "outdated" | "failed";
  ask: { kind: ChangeKind; detector: string; ruleId: string; rule: string | null };
  author: string;
  reason: string;
  createdAt: string;
  result: string;
  diff: DiffLine[];
  evidence: { tests: number; incidents: number; lines: number; matched: number } | null;
  decision: { by: string; at: string; reason: string | null } | null;
  outcome: string | null;
}

/** A change that somebody writes. */
export interface Wish {
  kind: ChangeKind;
  detector: string;
  id?: string;
  rule?: string;
}

/** The server goes on with a decision after its answer, because it starts the API again. */
export interface Begun {
  message: string;
}

/** How long an approval may take: modules are stopped and started. */
const PATIENCE = 30_000;

export interface Preview {
  ruleId: string;
  result: string;
  diff: DiffLine[];
  obstacle: string | null;
}

/** True if the caller may propose changes; whoever may decide is a person besides. */
export function mayAdminister(): boolean {
  const who = now().who;
  return !!who && who.role === "admin" && who.kind !== "agent";
}

/** Why the caller may not decide a change; empty if they may. */
export function whyNot(of: Change): string {
  const who = now().who;
  if (who?.role !== "admin") return "An administrator decides this.";
  if (who.kind !== "human") return "A person decides this.";
  if (who.subject.trim().toLowerCase() === of.author.trim().toLowerCase()) return "You proposed it: another administrator decides.";
  return "";
}

export const readText = async (detector: string, id: string): Promise<string> =>
  (await api.get<{ rule: string }>(`/rules/text?detector=${encodeURIComponent(detector)}&id=${encodeURIComponent(id)}`)).rule;

export const preview = (wish: Wish): Promise<Preview> => api.post("/rules/changes/preview", wish);

/** Proposes what was seen in a preview, by that one's result. */
export const propose = (wish: Wish, reason: string, seen: string): Promise<Change> => api.post("/rules/changes", { ...wish, reason, seen }, api.wish());

/** Approves what was seen, refuses it or takes it back. */
export function decide(of: Change, verb: "approve" | "refuse" | "withdraw", reason: string): Promise<Change | Begun> {
  const body = { ...(verb === "approve" && { seen: of.result }), ...(reason.trim() && { reason: reason.trim() }) };
  return api.post(`/rules/changes/${encodeURIComponent(of.id)}/${verb}`, body, api.wish(), PATIENCE);
}

/** Reads every change that waits and the newest of the others, where the caller may. */
export async function readChanges(): Promise<void> {
  const who = now().who;
  if (!who || who.role === "viewer" || who.kind === "agent") return;
  const read = async (query: string): Promise<Change[]> => (await api.get<{ changes: Change[] }>(`/rules/changes?${query}`)).changes;
  const [waiting, newest] = await Promise.all([read("status=proposed&limit=100"), read("limit=50")]);
  set({ changes: [...new Map([...waiting, ...newest].map((one) => [one.id, one])).values()] });
}
