// One change of many incidents: sent in parts that the server takes, told of once, taken back as a whole.

import * as api from "./api";
import { now, set, toast } from "./store";
import type { Incident, Status } from "./types";

export type Change = "acknowledge" | "resolve" | "reopen";

/** How many incidents one request may change. */
const MOST = 200;

interface Outcome {
  id: string;
  status: number;
  incidentStatus?: Status;
  detail?: string;
}

/** What came of it, in a sentence: how many were changed, and why the others were not. */
export function told(change: Change, outcomes: Outcome[]): string {
  const failed = outcomes.filter((one) => one.incidentStatus === undefined);
  const done = outcomes.length - failed.length;
  const verb = { acknowledge: "acknowledged", resolve: "resolved", reopen: "reopened" }[change];
  const first = failed[0]?.detail;
  return `${done} ${verb}${failed.length ? `, ${failed.length} not${first ? `: ${first}` : ""}` : ""}`;
}

async function send(ids: string[], change: Change, reason?: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let at = 0; at < ids.length; at += MOST) {
    const body = { ids: ids.slice(at, at + MOST), change, ...(reason ? { reason } : {}) };
    outcomes.push(...(await api.post<{ outcomes: Outcome[] }>("/incidents/bulk", body, api.wish())).outcomes);
    show(outcomes);
  }
  return outcomes;
}

function show(outcomes: Outcome[]): void {
  const incidents = new Map(now().incidents);
  for (const { id, incidentStatus } of outcomes) {
    const known = incidents.get(id);
    if (known && incidentStatus) incidents.set(id, { ...known, status: incidentStatus });
  }
  set({ incidents });
}

/** Changes all of `chosen` that can take it; says what came of it, and offers to take that back. */
export async function changeAll(chosen: Incident[], change: Exclude<Change, "reopen">): Promise<void> {
  const fit = chosen.filter((one) => one.status === "open" || (change === "resolve" && one.status === "acknowledged"));
  if (!fit.length) return toast(`None of the ${chosen.length} selected can be ${change}d.`, "bad");
  try {
    const outcomes = await send(fit.map((one) => one.id), change);
    const done = new Set(outcomes.filter((one) => one.incidentStatus).map((one) => one.id));
    const undo = (): void => void back(fit.filter((one) => done.has(one.id)), change);
    toast(told(change, outcomes), done.size === outcomes.length ? "good" : "bad", done.size ? undo : undefined);
  } catch (error) {
    toast(`Not all were changed: ${error instanceof Error ? error.message : ""}`, "bad");
  }
}

async function back(changed: Incident[], change: Change): Promise<void> {
  const ids = (status: Status): string[] => changed.filter((one) => one.status === status).map((one) => one.id);
  try {
    const outcomes = await send(changed.map((one) => one.id), "reopen", `${change} was taken back`);
    if (ids("acknowledged").length) await send(ids("acknowledged"), "acknowledge");
    toast(`Taken back: ${told("reopen", outcomes)}`, "good");
  } catch (error) {
    toast(`Not taken back: ${error instanceof Error ? error.message : ""}`, "bad");
  }
}
