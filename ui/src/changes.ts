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

export interface Preview {
  ruleId: string;
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

export const propose = (wish: Wish, reason: string): Promise<Change> => api.post("/rules/changes", { ...wish, reason }, api.wish());

/** Approves what was seen, refuses it or takes it back. */
export function decide(of: Change, verb: "approve" | "refuse" | "withdraw", reason: string): Promise<Change> {
  const body = { ...(verb === "approve" && { seen: of.result }), ...(reason.trim() && { reason: reason.trim() }) };
  return api.post<Change>(`/rules/changes/${encodeURIComponent(of.id)}/${verb}`, body, api.wish());
}

/** Reads the newest changes, where the caller may. */
export async function readChanges(): Promise<void> {
  const who = now().who;
  if (!who || who.role === "viewer" || who.kind === "agent") return;
  set({ changes: (await api.get<{ changes: Change[] }>("/rules/changes?limit=50")).changes });
}
