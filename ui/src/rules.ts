// The rules of the detectors, and trying one without touching what runs.

import * as api from "./api";
import type { Facts, Severity } from "./types";

export interface Rule {
  id: string;
  detector: string;
  running: boolean;
  severity: Severity;
  enabled: boolean;
  title: string;
  description: string;
  patterns: Facts;
  limits: Facts;
  matched: { matches: number; lastMatchAt: string } | null;
}

/** What a rule makes of a line. */
export interface LineOutcome {
  matches: boolean;
  reason?: string;
  groups?: (string | null)[];
  value?: number;
  title?: string;
  description?: string;
}

export interface Tested {
  matched: number;
  lines: LineOutcome[];
  tests: { line: string; passes: boolean; failure?: string }[];
}

export interface DryRun {
  incidents: number;
  lines: number;
  matched: number;
  matches: { incidentId: string; detectedAt: string; title: string; line: string; outcome: LineOutcome }[];
  complete: boolean;
  stopped?: string;
}

/** A rule to try: one of the configuration, or one that somebody writes. */
export type Wanted = { detector: string; id: string } | { detector: string; rule: string };

/** How many lines are tried at once. */
export const LINES = 1_000;

/** All rules, and the detectors that can have some. */
export interface RuleList {
  rules: Rule[];
  detectors: string[];
}

export const readRules = (): Promise<RuleList> => api.get<RuleList>("/rules");

export const test = (wanted: Wanted, lines: string[]): Promise<Tested> => api.post("/rules/test", { ...wanted, lines });

export const dryRun = (wanted: Wanted): Promise<DryRun> => api.post("/rules/dry-run", wanted);

/** The lines of a text that was pasted: without the last line's end, and no more than are tried at once. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines.slice(0, LINES);
}
