// The live stream: listens, notices silence, comes back by itself where it left off.

import { BASE } from "./api";
import type { Happening } from "./types";

/** How long nothing may be heard before the stream counts as silent; the server beats every five seconds. */
export const SILENCE = 10_000;

/** After how much silence the connection is given up and made anew. */
const GIVE_UP = 16_000;

const FIRST_WAIT = 250;
const LONGEST_WAIT = 1_500;

export type Link = "connecting" | "live" | "silent" | "lost";

export interface Ears {
  /** The state of the link changed, or something was heard. */
  link(link: Link): void;
  /** The server's time, in milliseconds. */
  time(now: number): void;
  /** Everything must be read again: the stream begins, or events were missed. */
  resync(missed: number): void;
  happening(happening: Happening): void;
  /** The stream could not be opened; the caller may be signed out. */
  failed(): void;
}

const TYPES = [
  "incident.created", "incident.updated", "incident.repeated", "incident.escalated", "enrichment.completed",
  "action.proposed", "action.approved", "action.denied", "action.executed", "action.withdrawn",
  "runbook.started", "runbook.stepCompleted", "runbook.completed", "module.lifecycle", "delivery.failed",
];

/** Listens until the returned function is called. */
export function listen(ears: Ears): () => void {
  let source: EventSource | null = null;
  let last = "";
  let heard = Date.now();
  let wait = FIRST_WAIT;
  let timer = 0;
  let ended = false;
  let link: Link = "connecting";

  const say = (next: Link): void => {
    if (next !== link || next === "live") {
      link = next;
      ears.link(next);
    }
  };

  const note = (event: MessageEvent<string>): void => {
    heard = Date.now();
    wait = FIRST_WAIT;
    if (event.lastEventId) last = event.lastEventId;
    say("live");
  };

  const told = (event: MessageEvent<string>): { at: string; head: number; count?: number } => {
    const data = JSON.parse(event.data) as { at: string; head: number; count?: number };
    const at = Date.parse(data.at);
    if (!Number.isNaN(at)) ears.time(at);
    return data;
  };

  const close = (): void => {
    source?.close();
    source = null;
  };

  const again = (): void => {
    close();
    if (ended) return;
    say("lost");
    clearTimeout(timer);
    timer = window.setTimeout(open, wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };

  const open = (): void => {
    close();
    heard = Date.now();
    const resumed = last;
    source = new EventSource(BASE + "/stream" + (resumed ? `?after=${encodeURIComponent(resumed)}` : ""));
    source.addEventListener("hello", (event) => {
      note(event);
      told(event);
      if (!resumed) ears.resync(0);
    });
    source.addEventListener("beat", (event) => {
      note(event);
      told(event);
    });
    source.addEventListener("missed", (event) => {
      note(event);
      ears.resync(told(event).count ?? 0);
    });
    for (const type of TYPES) {
      source.addEventListener(type, (event: MessageEvent<string>) => {
        note(event);
        ears.happening(JSON.parse(event.data) as Happening);
      });
    }
    source.onerror = () => {
      ears.failed();
      again();
    };
  };

  const look = (): void => {
    const silence = Date.now() - heard;
    if (link === "live" && silence > SILENCE) say("silent");
    if (silence > GIVE_UP) again();
  };

  // A laptop that wakes up, or a network that comes back, is not to wait.
  const wake = (): void => {
    if (document.visibilityState === "visible" && link !== "live" && !ended) {
      clearTimeout(timer);
      open();
    }
  };

  const watch = window.setInterval(look, 1_000);
  window.addEventListener("online", wake);
  window.addEventListener("offline", again);
  document.addEventListener("visibilitychange", wake);
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    clearInterval(watch);
    window.removeEventListener("online", wake);
    window.removeEventListener("offline", again);
    document.removeEventListener("visibilitychange", wake);
    close();
  };
}
