// What a person does to an incident: shown at once, sent once, taken back within five seconds.

import * as api from "./api";
import { now, set, toast } from "./store";
import type { Incident, Status } from "./types";
import { visible } from "./text";

type Verb = "acknowledge" | "resolve" | "close" | "reopen";

const AFTER: Record<Verb, Status> = { acknowledge: "acknowledged", resolve: "resolved", close: "closed", reopen: "open" };
const SAID: Record<Verb, string> = { acknowledge: "Acknowledged", resolve: "Resolved", close: "Closed", reopen: "Reopened" };

/** What can be done to an incident as it stands. */
export const VERBS: Record<Status, Verb[]> = {
  open: ["acknowledge", "resolve", "close"],
  acknowledged: ["resolve", "close", "reopen"],
  resolved: ["close", "reopen"],
  closed: ["reopen"],
};

const busy = new Set<string>();
let lastUndo: (() => void) | null = null;

/** True if the caller may work on incidents. */
export function mayWork(): boolean {
  const who = now().who;
  return !!who && who.role !== "viewer" && who.kind !== "agent";
}

const put = (incident: Incident): void => set({ incidents: new Map(now().incidents).set(incident.id, incident) });

const send = (id: string, verb: string, body: unknown = {}): Promise<Incident> =>
  api.post<Incident>(`/incidents/${encodeURIComponent(id)}/${verb}`, body, api.wish());

/** Moves an incident on. A second press while the first is under way does nothing. */
export async function move(id: string, verb: Verb): Promise<void> {
  const before = now().incidents.get(id);
  if (!before || busy.has(id) || !VERBS[before.status].includes(verb)) return;
  if (!mayWork()) {
    toast("Your role, viewer, may look but not change anything.", "bad");
    return;
  }
  busy.add(id);
  put({ ...before, status: AFTER[verb] });
  try {
    put(await send(id, verb));
    const undo = (): void => void back(before, verb);
    lastUndo = undo;
    toast(`${SAID[verb]}: ${visible(before.title)}`, "good", verb === "reopen" ? undefined : undo);
  } catch (error) {
    const still = now().incidents.get(id);
    if (still) put({ ...still, status: before.status });
    toast(`Not ${SAID[verb].toLowerCase()}: ${error instanceof Error ? error.message : ""}`, "bad");
  } finally {
    busy.delete(id);
  }
}

async function back(before: Incident, verb: Verb): Promise<void> {
  lastUndo = null;
  if (verb === "reopen") return;
  try {
    put(await send(before.id, "reopen", { reason: `${verb} was taken back` }));
    if (before.status === "acknowledged") put(await send(before.id, "acknowledge"));
    toast(`Taken back: ${visible(before.title)}`, "good");
  } catch (error) {
    toast(`Not taken back: ${error instanceof Error ? error.message : ""}`, "bad");
  }
}

/** Takes the last change back. */
export function undo(): void {
  lastUndo?.();
}

export async function assign(id: string, assignee: string | null): Promise<void> {
  try {
    put(await send(id, "assign", { assignee }));
    toast(assignee ? `Assigned to ${visible(assignee)}` : "Nobody is assigned any more", "good");
  } catch (error) {
    toast(`Not assigned: ${error instanceof Error ? error.message : ""}`, "bad");
  }
}

export async function comment(id: string, text: string): Promise<boolean> {
  try {
    put(await send(id, "comment", { text }));
    return true;
  } catch (error) {
    toast(`The note was not saved: ${error instanceof Error ? error.message : ""}`, "bad");
    return false;
  }
}
