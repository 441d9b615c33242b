// Reads what is shown, and keeps it true by the stream.

import * as api from "./api";
import { apply, settle } from "./apply";
import { readChanges } from "./changes";
import { ACTIVE, SEVERITIES, SPANS, type Filter } from "./order";
import { now, serverNow, set, toast } from "./store";
import { listen } from "./stream";
import type {
  DeadLetter, Escalation, Execution, Happening, Incident, ModuleStatus, OnCall, Proposal, Run, Status, Who,
} from "./types";

/** How many incidents are read at once, and the most that are read at all. */
const PAGE = 500;
const MOST = 10_000;

/** How often the modules are looked at. */
const LOOK = 15_000;

type Page<K extends string, T> = { [key in K]: T[] } & { nextCursor?: string };

const keep = <T extends { id: string }>(all: Map<string, T>, some: T[]): Map<string, T> => {
  const next = new Map(all);
  for (const one of some) next.set(one.id, one);
  return next;
};

const say = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Joins calls that come close together into one. */
function soon(work: () => Promise<void>, wait = 200): () => void {
  let planned = 0;
  return () => {
    planned ||= window.setTimeout(() => {
      planned = 0;
      work().catch(() => undefined);
    }, wait);
  };
}

/** All that is known, with these where they are not older. */
function newer(some: Incident[]): Map<string, Incident> {
  const known = new Map(now().incidents);
  for (const one of some) {
    const held = known.get(one.id);
    if (!held || Date.parse(held.updatedAt) <= Date.parse(one.updatedAt)) known.set(one.id, one);
  }
  return known;
}

async function readIncidents(statuses: Status[], afresh: boolean): Promise<void> {
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
  set({ read: new Set([...now().read, ...statuses]), partly });
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
  set({ read: new Set([...now().read, ...missing]) });
  readIncidents(missing, false).catch((error: unknown) => toast(`Cannot read more incidents: ${say(error)}`, "bad"));
}

/** Reads one incident whole, with its history. */
export async function readIncident(id: string): Promise<void> {
  const one = await api.get<Incident>(`/incidents/${encodeURIComponent(id)}`);
  set({ incidents: keep(now().incidents, [one]) });
}

export async function readProposals(): Promise<void> {
  const page = await api.get<Page<"requests", Proposal>>("/approvals?limit=100");
  const pending = await api.get<Page<"requests", Proposal>>("/approvals/pending?limit=100");
  set({ proposals: keep(keep(new Map(), page.requests), pending.requests) });
}

export async function readProposal(id: string): Promise<void> {
  const [one, done] = await Promise.all([
    api.get<Proposal>(`/approvals/${encodeURIComponent(id)}`),
    api.get<Page<"executions", Execution>>(`/executions?proposal=${encodeURIComponent(id)}`),
  ]);
  set({
    proposals: keep(now().proposals, [one]),
    executions: new Map(now().executions).set(id, done.executions),
  });
}

export async function readModules(): Promise<void> {
  set({ modules: (await api.get<{ modules: ModuleStatus[] }>("/modules")).modules });
}

export async function readLetters(): Promise<void> {
  set({ letters: (await api.get<Page<"deadLetters", DeadLetter>>("/dead-letters")).deadLetters ?? [] });
}

export async function readOnCall(): Promise<void> {
  const [onCall, told] = await Promise.all([
    api.get<OnCall>("/on-call"),
    api.get<Page<"escalations", Escalation>>("/escalations"),
  ]);
  set({ onCall, escalations: told.escalations });
}

export async function readRuns(): Promise<void> {
  set({ runs: (await api.get<Page<"runs", Run>>("/runs")).runs });
}

const soonRuns = soon(readRuns);
const soonModules = soon(readModules, 1_000);
const soonLetters = soon(readLetters);
const soonOnCall = soon(readOnCall, 3_000);
const soonProposals = soon(readProposals);

/** The least time between two changes of the list, in milliseconds: in a storm nobody reads faster. */
const PACE = 100;

let waiting: Happening[] = [];
let flushed = 0;
let incidentsToRead = new Set<string>();

function flush(): void {
  const happenings = waiting;
  waiting = [];
  flushed = performance.now();
  const incidents = apply(now().incidents, happenings);
  if (incidents !== now().incidents) set({ incidents });
  for (const happening of happenings) follow(happening);
}

/** The incident on the screen is read whole again when something happened to it. */
const soonWhole = soon(async () => {
  const shown = now().path.startsWith("/i/") ? decodeURIComponent(now().path.slice(3)) : "";
  const wanted = incidentsToRead.has(shown);
  incidentsToRead = new Set();
  if (wanted) await readIncident(shown);
}, 1_000);

function follow({ type, payload }: Happening): void {
  if (typeof payload.incidentId === "string") {
    incidentsToRead.add(payload.incidentId);
    soonWhole();
  }
  if (type.startsWith("action.")) {
    if (typeof payload.requestId === "string") readProposal(payload.requestId).catch(() => undefined);
    else soonProposals();
  }
  if (type.startsWith("runbook.")) soonRuns();
  if (type === "module.lifecycle") soonModules();
  if (type === "delivery.failed") soonLetters();
  if (type === "incident.escalated" || type === "incident.updated") soonOnCall();
}

async function readAll(): Promise<void> {
  const first = readIncidents(ACTIVE, true);
  const others = [readProposals, readModules, readLetters, readOnCall, readRuns, readChanges].map((read) => read().catch(() => undefined));
  try {
    await first;
  } catch (error) {
    set({ trouble: say(error) });
  }
  await Promise.all(others);
}

let end: (() => void) | null = null;

function start(): void {
  stop();
  let again = soon(readAll, 50);
  const hang = listen({
    link: (link) => set({ link, heard: link === "live" ? Date.now() : now().heard }),
    time: (server) => set({ skew: server - Date.now() }),
    resync: (missed) => {
      if (missed) toast(`${missed} events were missed; everything is read again`, "good");
      again();
    },
    happening: (happening) => {
      if (!waiting.length) {
        const pause = PACE - (performance.now() - flushed);
        if (pause > 0 || document.hidden) setTimeout(flush, Math.max(0, pause));
        else requestAnimationFrame(flush);
      }
      waiting.push(happening);
    },
    failed: soon(async () => {
      if ((await api.whoami()) === null) leave();
    }, 0),
  });
  const look = window.setInterval(() => {
    if (now().link !== "live") return;
    readModules().catch(() => undefined);
    readChanges().catch(() => undefined);
  }, LOOK);
  end = () => {
    again = () => undefined;
    hang();
    clearInterval(look);
  };
}

function stop(): void {
  end?.();
  end = null;
}

/** Somebody came in. */
export function enter(who: Who): void {
  set({ who });
  start();
}

/** Nobody is signed in any more: nothing that was read is kept. */
export function leave(): void {
  stop();
  set({
    who: null, incidents: new Map(), read: new Set(), loaded: false, partly: new Set(), proposals: new Map(), executions: new Map(),
    modules: [], letters: [], escalations: [], onCall: null, runs: [], changes: [], link: "connecting",
  });
}

/** Finds out who is there, and tries again until the server answers. */
export async function begin(): Promise<void> {
  try {
    const who = await api.whoami();
    if (who) enter(who);
    else leave();
  } catch {
    set({ link: "lost" });
    setTimeout(() => void begin(), 1_000);
  }
}
