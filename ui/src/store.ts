// What is known, in one place. Changes are told once for each frame, however many there are.

import { useLayoutEffect, useReducer, useRef } from "preact/hooks";

import type { Change } from "./changes";
import type { DeadLetter, Escalation, Execution, Incident, ModuleStatus, OnCall, Proposal, Run, Severity, Who } from "./types";
import type { Link } from "./stream";

export interface Toast {
  id: number;
  text: string;
  kind: "good" | "bad";
  undo?: () => void;
}

export interface State {
  /** `undefined` while it is not known, `null` when signed out. */
  who: Who | null | undefined;
  link: Link;
  /** When something was last heard, by this machine's clock. */
  heard: number;
  /** How much the server's clock is ahead of this machine's, in milliseconds. */
  skew: number;
  incidents: Map<string, Incident>;
  /** Which statuses were read. */
  read: Set<string>;
  loaded: boolean;
  /** Of which severities the server has more incidents than were read. */
  partly: ReadonlySet<Severity>;
  /** Why the incidents could not be read. */
  trouble: string;
  proposals: Map<string, Proposal>;
  executions: Map<string, Execution[]>;
  modules: ModuleStatus[];
  letters: DeadLetter[];
  escalations: Escalation[];
  onCall: OnCall | null;
  runs: Run[];
  /** Changes of rules, newest first. */
  changes: Change[];
  toasts: Toast[];
  path: string;
  query: string;
  help: boolean;
  palette: boolean;
  /** Whom to tell whether somebody signed in again, while that is asked. */
  again: ((isIn: boolean) => void) | null;
}

const state: State = {
  who: undefined,
  link: "connecting",
  heard: Date.now(),
  skew: 0,
  incidents: new Map(),
  read: new Set(),
  loaded: false,
  partly: new Set(),
  trouble: "",
  proposals: new Map(),
  executions: new Map(),
  modules: [],
  letters: [],
  escalations: [],
  onCall: null,
  runs: [],
  changes: [],
  toasts: [],
  path: location.pathname,
  query: location.search,
  help: false,
  palette: false,
  again: null,
};

const watchers = new Set<() => void>();
let planned = false;

function tell(): void {
  planned = false;
  for (const watcher of [...watchers]) watcher();
}

/** The state now. It is changed by `set` alone. */
export function now(): Readonly<State> {
  return state;
}

/** Changes the state, and tells whoever watches at the next frame. */
export function set(change: Partial<State>): void {
  Object.assign(state, change);
  if (planned) return;
  planned = true;
  // A page that nobody sees has no frames.
  if (document.hidden) setTimeout(tell, 250);
  else requestAnimationFrame(tell);
}

/** What `pick` gives, now and whenever it changes. */
export function useStore<T>(pick: (state: Readonly<State>) => T): T {
  const [, again] = useReducer((count: number) => count + 1, 0);
  const picked = pick(state);
  const last = useRef(picked);
  last.current = picked;
  const latest = useRef(pick);
  latest.current = pick;
  // Before it is drawn: what changes meanwhile would otherwise wait until after that.
  useLayoutEffect(() => {
    const look = (): void => {
      if (!Object.is(latest.current(state), last.current)) again(undefined);
    };
    watchers.add(look);
    look();
    return () => void watchers.delete(look);
  }, []);
  return picked;
}

/** The server's time, as well as it is known. */
export function serverNow(): number {
  return Date.now() + state.skew;
}

let toastId = 0;

/** Says something for a while. */
export function toast(text: string, kind: Toast["kind"], undo?: () => void): void {
  const id = ++toastId;
  const one: Toast = undo ? { id, text, kind, undo } : { id, text, kind };
  set({ toasts: [...state.toasts.slice(-3), one] });
  setTimeout(() => dismiss(id), kind === "bad" ? 10_000 : 5_000);
}

export function dismiss(id: number): void {
  set({ toasts: state.toasts.filter((one) => one.id !== id) });
}

/** Goes to an address of the dashboard. */
export function go(to: string, replace = false): void {
  if (to === state.path + state.query) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  arrived();
}

export function arrived(): void {
  set({ path: location.pathname, query: location.search });
}
