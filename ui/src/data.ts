// Reads what is shown, and keeps it true by the stream.

import * as api from "./api";
import { apply } from "./apply";
import { readChanges } from "./changes";
import { glance, glimpsed, keep, readIncident, readIncidents, say, type Page } from "./listing";
import { ACTIVE } from "./order";
import { noteIn, wasIn } from "./settings";
import { now, set, toast } from "./store";
import { listen } from "./stream";
import type {
  DeadLetter, Escalation, Execution, Happening, ModuleStatus, OnCall, Proposal, Run, Who,
} from "./types";

/** How often the modules are looked at. */
const LOOK = 15_000;

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
  isReading = true;
  const first = readIncidents(ACTIVE, true);
  const others = [readProposals, readModules, readLetters, readOnCall, readRuns, readChanges].map((read) => read().catch(() => undefined));
  try {
    await first;
  } catch (error) {
    set({ trouble: say(error) });
  }
  await Promise.all(others);
}

/** True once the incidents are being read, which says more than an earlier glance. */
let isReading = false;

let end: (() => void) | null = null;

function start(): void {
  stop();
  isReading = false;
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
  noteIn(true);
  set({ who });
  start();
}

/** Nobody is signed in any more: nothing that was read is kept. */
export function leave(): void {
  stop();
  noteIn(false);
  set({
    who: null, incidents: new Map(), read: new Set(), loaded: false, partly: new Set(), proposals: new Map(), executions: new Map(),
    modules: [], letters: [], escalations: [], onCall: null, runs: [], changes: [], link: "connecting",
  });
}

/** How long what is drawn at first waits for the incidents that were asked for along with it, in milliseconds. */
const TOGETHER = 50;

const isList = (path: string): boolean => path === "/" || path.startsWith("/i/");

/** Finds out who is there, and tries again until the server answers. Whoever was in is likely to be so still. */
export async function begin(): Promise<void> {
  const first = wasIn() && isList(location.pathname) ? glance().catch(() => []) : Promise.resolve([]);
  try {
    const who = await api.whoami();
    if (!who) {
      await first;
      leave();
      return;
    }
    // Most often both are there at once, and then are drawn at once.
    await Promise.race([first, new Promise((done) => setTimeout(done, TOGETHER))]);
    enter(who);
    const seen = await first;
    if (now().who === who && !isReading) glimpsed(seen);
  } catch {
    set({ link: "lost" });
    setTimeout(() => void begin(), 1_000);
  }
}
