// The first screen: who must act, on what, and with which next step.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";

import { changeAll } from "../bulk";
import { assign, mayWork, move, undo } from "../deeds";
import { bind } from "../keys";
import { search, want } from "../listing";
import { ACTIVE, listed, parse, query, type Filter } from "../order";
import { go, now, serverNow, useStore } from "../store";
import { age } from "../text";
import type { Incident } from "../types";
import { Countdown } from "./dialog";
import { Filters } from "./filters";
import { Detail } from "./incident";
import { List } from "./list";
import { Ago, Do, Empty, Link, Mark, Text, useTick } from "./parts";

/** How many things that need somebody are shown at once. */
const NEEDS = 5;

/** The same on a phone, where the list itself must be in sight. */
const NEEDS_NARROW = 2;

export function Now() {
  const path = useStore((state) => state.path);
  const address = useStore((state) => state.query);
  const all = useStore((state) => state.incidents.size);
  const loaded = useStore((state) => state.loaded);
  const filter = useMemo(() => parse(address), [address]);
  const rows = useRows(filter);
  const shown = path.startsWith("/i/") ? decodeURIComponent(path.slice(3)) : null;
  const [cursor, point] = useState<string | null>(shown);
  const [picked, pick] = useState<ReadonlySet<string>>(new Set());
  const chosen = useChosen(rows, picked);
  const toggle = useToggle(pick);
  useMore(filter, loaded);
  useKeys({ rows, cursor, shown, chosen }, { point, toggle, clear: () => pick(new Set()) });
  return (
    <div class={shown ? "now split" : "now"}>
      <div class="now-list">
        <h1 class="sr">Now</h1>
        <Needs />
        <Filters filter={filter} count={rows.length} all={all} />
        {!loaded && !rows.length && <Empty title="Reading incidents…" />}
        {loaded && !rows.length && <Calm filter={filter} />}
        {chosen.length > 0 && <Chosen all={rows} chosen={chosen} pick={pick} />}
        {rows.length > 0 && <List incidents={rows} cursor={cursor} shown={shown} search={address} point={point} picked={picked} toggle={toggle} />}
      </div>
      {shown && <Detail id={shown} key={shown} back={() => go(`/${address}`)} />}
    </div>
  );
}

// What a hook keeps, an effect or a memo, holds on to all variables of the function it was made in. These are functions of
// their own so that none of them keeps a list of incidents that is long out of date.

function useRows(filter: Filter): Incident[] {
  const incidents = useStore((state) => state.incidents);
  const me = useStore((state) => state.who?.subject ?? "");
  const minute = useTick(60_000);
  return useMemo(() => listed(incidents.values(), filter, me, serverNow()), [incidents, filter, me, minute]);
}

function useChosen(rows: Incident[], picked: ReadonlySet<string>): Incident[] {
  return useMemo(() => rows.filter((one) => picked.has(one.id)), [rows, picked]);
}

function useToggle(pick: (change: (old: ReadonlySet<string>) => ReadonlySet<string>) => void): (id: string) => void {
  return useCallback((id) => pick((old) => {
    const next = new Set(old);
    if (!next.delete(id)) next.add(id);
    return next;
  }), [pick]);
}

/** Reads what the filter shows and was not read yet. */
function useMore(filter: Filter, loaded: boolean): void {
  useEffect(() => want(filter.statuses), [filter, loaded]);
  useEffect(() => search(filter), [filter, loaded]);
}

/** What is done to all that are selected. */
function Chosen({ all, chosen, pick }: { all: Incident[]; chosen: Incident[]; pick(ids: ReadonlySet<string>): void }) {
  return (
    <div class="chosen" role="toolbar" aria-label="What is selected">
      <span role="status">{chosen.length} selected</span>
      <Do kind="small" run={() => changeAll(chosen, "acknowledge").then(() => pick(new Set()))}>Acknowledge<kbd>a</kbd></Do>
      <Do kind="small" run={() => changeAll(chosen, "resolve").then(() => pick(new Set()))}>Resolve<kbd>r</kbd></Do>
      {chosen.length < all.length && <button type="button" class="button small plain" onClick={() => pick(new Set(all.map((one) => one.id)))}>Select all {all.length}</button>}
      <button type="button" class="button small plain" onClick={() => pick(new Set())}>Clear</button>
    </div>
  );
}

interface Scene {
  rows: Incident[];
  cursor: string | null;
  shown: string | null;
  chosen: Incident[];
}

interface Hands {
  point(id: string): void;
  toggle(id: string): void;
  clear(): void;
}

function useKeys(scene: Scene, hands: Hands): void {
  const latest = useRef({ ...scene, ...hands });
  latest.current = { ...scene, ...hands };
  useEffect(() => {
    const step = (by: number): void => {
      const { rows, cursor, shown } = latest.current;
      const at = rows.findIndex((one) => one.id === (cursor ?? shown));
      const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
      if (!next) return;
      latest.current.point(next.id);
      if (shown) go(`/i/${encodeURIComponent(next.id)}${now().query}`, true);
    };
    const on = (work: (id: string) => void) => () => {
      const id = latest.current.shown ?? latest.current.cursor;
      if (id) work(id);
    };
    // In the list, what is selected goes before the row under the cursor.
    const change = (verb: "acknowledge" | "resolve") => (): void => {
      const { chosen, shown, cursor, clear } = latest.current;
      if (!shown && chosen.length) void changeAll(chosen, verb).then(clear);
      else if (shown ?? cursor) void move(shown ?? cursor ?? "", verb);
    };
    return bind([
      { keys: "j", says: "Next incident", run: () => step(1) },
      { keys: "k", says: "Incident before", run: () => step(-1) },
      { keys: "Enter", says: "Open the incident", run: on((id) => go(`/i/${encodeURIComponent(id)}${now().query}`)) },
      { keys: "x", says: "Select the incident, or not any more", run: on((id) => mayWork() && latest.current.toggle(id)) },
      { keys: "a", says: "Acknowledge it, or all that are selected", run: change("acknowledge") },
      { keys: "r", says: "Resolve it, or all that are selected", run: change("resolve") },
      { keys: "m", says: "Assign to me", run: on((id) => void assign(id, now().who?.subject ?? null)) },
      { keys: "c", says: "Write a note", run: () => document.querySelector<HTMLElement>("#note")?.focus() },
      { keys: "u", says: "Take the last change back", run: undo },
      { keys: "/", says: "Search", run: () => document.querySelector<HTMLInputElement>("#search")?.focus() },
      { keys: "Escape", says: "Back to the list", run: () => { if (latest.current.shown) go(`/${now().query}`); else latest.current.clear(); } },
    ]);
  }, []);
}

/** What waits for a person: at most five things, the most pressing first. */
function Needs() {
  const proposals = useStore((state) => state.proposals);
  const incidents = useStore((state) => state.incidents);
  const letters = useStore((state) => state.letters);
  const modules = useStore((state) => state.modules);
  const [all, showAll] = useState(false);
  const most = matchMedia("(max-width: 720px)").matches ? NEEDS_NARROW : NEEDS;
  const pending = [...proposals.values()].filter((one) => one.status === "pending").sort((a, b) => (a.expiresAt < b.expiresAt ? -1 : 1));
  const critical = [...incidents.values()]
    .filter((one) => one.status === "open" && one.severity === "critical")
    .sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  const down = modules.filter((one) => one.status === "unhealthy");
  const items = [
    ...pending.map((one) => (
      <li key={one.id} class="need ask">
        <span class="kind">Approve?</span>
        <Link to={`/approvals/${encodeURIComponent(one.id)}`} class="what"><Text of={one.description || one.actionType} /> <span class="cause"><Text of={one.actions[0]?.plan.target ?? ""} /></span></Link>
        <span class="when"><Countdown until={one.expiresAt} /> left</span>
      </li>
    )),
    ...critical.map((one) => (
      <li key={one.id} class="need critical">
        <span class="kind"><Mark of="critical" short />Nobody on it</span>
        <Link to={`/i/${encodeURIComponent(one.id)}`} class="what"><Text of={one.title} /> <span class="cause"><Text of={one.description} /></span></Link>
        <span class="when">for <Ago at={one.createdAt} /></span>
      </li>
    )),
    ...down.map((one) => (
      <li key={one.id} class="need bad">
        <span class="kind">Down</span>
        <Link to="/sources" class="what">{one.id} <span class="cause"><Text of={one.message ?? ""} /></span></Link>
        <span class="when" />
      </li>
    )),
    ...(letters.length ? [
      <li key="letters" class="need bad">
        <span class="kind">Not told</span>
        <Link to="/sources" class="what">{letters.length} {letters.length === 1 ? "event was" : "events were"} given up <span class="cause">by {letters[0]?.consumer}</span></Link>
        <span class="when">last <Ago at={letters[0]?.failedAt ?? ""} /></span>
      </li>,
    ] : []),
  ];
  if (!items.length) return null;
  return (
    <section class="needs" aria-labelledby="needs-title">
      <h2 id="needs-title">Needs you</h2>
      <ul>{all ? items : items.slice(0, most)}</ul>
      {items.length > most && (
        <button type="button" class="button small plain" aria-expanded={all} onClick={() => showAll(!all)}>{all ? "fewer" : `+${items.length - most} more`}</button>
      )}
    </section>
  );
}

/** Nothing to show, and why: because all is quiet, or because nobody is looking. */
function Calm({ filter }: { filter: Filter }) {
  const modules = useStore((state) => state.modules);
  const any = useStore((state) => state.incidents.size);
  const isAdmin = useStore((state) => state.who?.role === "admin");
  const tick = useTick(1_000);
  const usual = query(filter) === "" || query({ ...filter, statuses: ACTIVE }) === "";
  if (any && !usual) {
    return <Empty title="No incident passes this filter."><p><Link to="/" class="button">Show all active incidents</Link></p></Empty>;
  }
  const sources = modules.filter((one) => one.category === "connector");
  const detectors = modules.filter((one) => one.category === "detector");
  const down = modules.filter((one) => one.status !== "healthy");
  const latest = sources.map((one) => one.lastCheck).sort().pop();
  return (
    <Empty title={down.length ? "No open incidents – but not everything is watched." : "No open incidents."}>
      <p>
        Watching through {sources.length} {sources.length === 1 ? "connector" : "connectors"} and {detectors.length} {detectors.length === 1 ? "detector" : "detectors"}
        {latest && sources.length > 0 ? <>; sources last spoke {age(latest, tick)} ago</> : null}.
      </p>
      {down.map((one) => <p class="trouble"><b>{one.id}</b> is {one.status}{one.message ? <>: <Text of={one.message} /></> : null}</p>)}
      {!sources.length && <p>Nothing is read yet.</p>}
      {!sources.length && (isAdmin
        ? <p><Link to="/setup" class="button primary">Set up what is read, and who is told</Link></p>
        : <p>An administrator can set up what is read, at <code>/setup</code>.</p>)}
    </Empty>
  );
}
