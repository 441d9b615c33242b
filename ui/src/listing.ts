// Reads incidents: the first of them at once, then all that matter, and what is looked for.

import * as api from "./api";
import { settle } from "./apply";
import { ACTIVE, SEVERITIES, SPANS, type Filter } from "./order";
import { now, serverNow, set, toast } from "./store";
import type { Incident, Status } from "./types";

/** How many incidents are read at once, and the most that are read at all. */
const PAGE = 500;
const MOST = 10_000;

/** How many of each severity are read before all others: more than are in sight at first. */
const FIRST = 40;

export type Page<K extends string, T> = { [key in K]: T[] } & { nextCursor?: string };

export const keep = <T extends { id: string }>(all: Map<string, T>, some: T[]): Map<string, T> => {
  const next = new Map(all);
  for (const one of some) next.set(one.id, one);
  return next;
};

export const say = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** All that is known, with these where they are not older. */
function newer(some: Incident[]): Map<string, Incident> {
  const known = new Map(now().incidents);
  for (const one of some) {
    const held = known.get(one.id);
    if (!held || Date.parse(held.updatedAt) <= Date.parse(one.updatedAt)) known.set(one.id, one);
  }
  return known;
}

/** The first of each severity, for something to be shown while the stream opens and all is read. */
export async function glance(): Promise<Incident[]> {
  const asked = `/incidents?status=${ACTIVE.join(",")}&limit=${FIRST}&severity=`;
  const found = await Promise.all(SEVERITIES.map((one) => api.get<Page<"incidents", Incident>>(asked + one)));
  return found.flatMap((page) => page.incidents);
}

/** Takes in what a glance saw. Not all is known by that: `loaded` stays as it is. */
export function glimpsed(some: Incident[]): void {
  if (some.length) set({ incidents: newer(some) });
}

export async function readIncidents(statuses: Status[], afresh: boolean): Promise<void> {
  // Said before the reading, for nobody to begin it a second time.
  set({ read: new Set([...now().read, ...statuses]) });
  const before = new Set(now().incidents.keys());
  const seen: Incident[] = [];
  const partly = new Set(afresh ? [] : now().partly);
  // The worst come first: however many others there are, none of these is left out.
  for (const severity of SEVERITIES) {
    let cursor = "";
    const asked = `/incidents?status=${statuses.join(",")}&severity=${severity}`;
    do {
      const limit = Math.min(seen.length ? PAGE : 100, Math.max(1, MOST - seen.length));
      const page = await api.get<Page<"incidents", Incident>>(`${asked}&limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      seen.push(...page.incidents);
      cursor = page.nextCursor ?? "";
      if (page.incidents.length) set({ incidents: newer(page.incidents), loaded: true, trouble: "" });
    } while (cursor && seen.length < MOST);
    if (cursor) partly.add(severity);
  }
  set({ loaded: true, trouble: "" });
  if (afresh) {
    // What the server does not tell of any more has another status now, or is gone; unless it was not told of all.
    const told = new Set(seen.map((one) => one.id));
    for (const one of now().incidents.values()) if (partly.has(one.severity)) told.add(one.id);
    set({ incidents: settle(now().incidents, before, told, statuses) });
  }
  set({ partly });
}

/** How many incidents a search brings, and how long it waits for the next letter, in milliseconds. */
const FOUND = 500;
const LETTER = 350;

let planned = 0;

/** Looks on the server for what passes, where there are more incidents than were read. */
export function search(filter: Filter): void {
  clearTimeout(planned);
  if (!now().partly.size || !(filter.text.trim() || filter.module)) return;
  const asked = new URLSearchParams({ severity: filter.severities.join(","), status: filter.statuses.join(",") });
  if (filter.text.trim()) asked.set("q", filter.text.trim().split(/\s+/).slice(0, 8).join(" ").slice(0, 200));
  if (filter.module) asked.set("module", filter.module);
  if (filter.within) asked.set("since", new Date(serverNow() - SPANS[filter.within]).toISOString());
  planned = window.setTimeout(() => {
    pages(asked.toString(), planned).catch((error: unknown) => toast(`The search failed: ${say(error)}`, "bad"));
  }, LETTER);
}

async function pages(asked: string, turn: number): Promise<void> {
  let cursor = "";
  let found = 0;
  do {
    const page = await api.get<Page<"incidents", Incident>>(`/incidents?${asked}&limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    if (turn !== planned) return;
    cursor = page.nextCursor ?? "";
    found += page.incidents.length;
    const fresh = page.incidents.filter((one) => !now().incidents.has(one.id));
    if (fresh.length) set({ incidents: keep(now().incidents, fresh) });
  } while (cursor && found < FOUND);
}

/** Reads incidents of these statuses, where they were not read yet. */
export function want(statuses: Status[]): void {
  const missing = statuses.filter((one) => !now().read.has(one));
  if (!missing.length || !now().loaded) return;
  readIncidents(missing, false).catch((error: unknown) => toast(`Cannot read more incidents: ${say(error)}`, "bad"));
}

/** Reads one incident whole, with its history. */
export async function readIncident(id: string): Promise<void> {
  const one = await api.get<Incident>(`/incidents/${encodeURIComponent(id)}`);
  set({ incidents: keep(now().incidents, [one]) });
}

