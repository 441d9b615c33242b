// The first screen: who must act, on what, and with which next step.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { want } from "../data";
import { assign, move, undo } from "../deeds";
import { bind } from "../keys";
import { ACTIVE, SEVERITIES, STATUSES, listed, parse, query, type Filter } from "../order";
import { go, now, useStore } from "../store";
import { age } from "../text";
import type { Incident } from "../types";
import { Ago, Empty, Link, Mark, Text, useTick } from "./parts";
import { Detail } from "./incident";
import { Countdown } from "./dialog";
import { List } from "./list";

/** How many things that need somebody are shown at once. */
const NEEDS = 5;

/** The same on a phone, where the list itself must be in sight. */
const NEEDS_NARROW = 2;

export function Now() {
  const path = useStore((state) => state.path);
  const search = useStore((state) => state.query);
  const incidents = useStore((state) => state.incidents);
  const loaded = useStore((state) => state.loaded);
  const me = useStore((state) => state.who?.subject ?? "");
  const filter = useMemo(() => parse(search), [search]);
  const rows = useMemo(() => listed(incidents.values(), filter, me), [incidents, filter, me]);
  const shown = path.startsWith("/i/") ? decodeURIComponent(path.slice(3)) : null;
  const [cursor, point] = useState<string | null>(shown);
  useEffect(() => want(filter.statuses), [filter, loaded]);
  useKeys(rows, cursor, shown, point);
  return (
    <div class={shown ? "now split" : "now"}>
      <div class="now-list">
        <h1 class="sr">Now</h1>
        <Needs />
        <Filters filter={filter} count={rows.length} all={incidents.size} />
        {!loaded && <Empty title="Reading incidents…" />}
        {loaded && !rows.length && <Calm filter={filter} />}
        {rows.length > 0 && <List incidents={rows} cursor={cursor} shown={shown} search={search} point={point} />}
      </div>
      {shown && <Detail id={shown} key={shown} back={() => go(`/${search}`)} />}
    </div>
  );
}

function useKeys(rows: Incident[], cursor: string | null, shown: string | null, point: (id: string) => void): void {
  const latest = useRef({ rows, cursor, shown });
  latest.current = { rows, cursor, shown };
  useEffect(() => {
    const step = (by: number): void => {
      const { rows, cursor, shown } = latest.current;
      const at = rows.findIndex((one) => one.id === (cursor ?? shown));
      const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
      if (!next) return;
      point(next.id);
      if (shown) go(`/i/${encodeURIComponent(next.id)}${now().query}`, true);
    };
    const on = (work: (id: string) => void) => () => {
      const id = latest.current.shown ?? latest.current.cursor;
      if (id) work(id);
    };
    return bind([
      { keys: "j", says: "Next incident", run: () => step(1) },
      { keys: "k", says: "Incident before", run: () => step(-1) },
      { keys: "Enter", says: "Open the incident", run: on((id) => go(`/i/${encodeURIComponent(id)}${now().query}`)) },
      { keys: "a", says: "Acknowledge", run: on((id) => void move(id, "acknowledge")) },
      { keys: "r", says: "Resolve", run: on((id) => void move(id, "resolve")) },
      { keys: "m", says: "Assign to me", run: on((id) => void assign(id, now().who?.subject ?? null)) },
      { keys: "c", says: "Write a note", run: () => document.querySelector<HTMLElement>("#note")?.focus() },
      { keys: "u", says: "Take the last change back", run: undo },
      { keys: "/", says: "Search", run: () => document.querySelector<HTMLInputElement>("#search")?.focus() },
      { keys: "Escape", says: "Back to the list", run: () => latest.current.shown && go(`/${now().query}`) },
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

function Filters({ filter, count, all }: { filter: Filter; count: number; all: number }) {
  const set = (more: Partial<Filter>): void => go(now().path + query({ ...filter, ...more }), true);
  const toggle = <T extends string>(list: T[], one: T, every: T[]): T[] => {
    const next = list.includes(one) ? list.filter((x) => x !== one) : every.filter((x) => x === one || list.includes(x));
    return next.length ? next : every;
  };
  const [open, setOpen] = useState(false);
  const isOpen = open || undefined;
  return (
    <div class="filters" role="search" aria-label="Filter incidents">
      <input id="search" type="search" placeholder="Search  /" aria-label="Search incidents" spellcheck={false} value={filter.text}
        onInput={(event) => set({ text: event.currentTarget.value })}
        onKeyDown={(event) => { if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur(); }} />
      <span class="chips" data-open={isOpen} role="group" aria-label="Severity">
        {SEVERITIES.map((one) => <button type="button" class={`chip ${one}`} aria-pressed={filter.severities.includes(one)} onClick={() => set({ severities: toggle(filter.severities, one, SEVERITIES) })}>{one}</button>)}
      </span>
      <span class="chips" data-open={isOpen} role="group" aria-label="Status">
        {STATUSES.map((one) => <button type="button" class="chip" aria-pressed={filter.statuses.includes(one)} onClick={() => set({ statuses: toggle(filter.statuses, one, STATUSES) })}>{one}</button>)}
      </span>
      <span class="chips" data-open={isOpen} role="group" aria-label="Owner">
        <button type="button" class="chip" aria-pressed={filter.owner === "me"} onClick={() => set({ owner: filter.owner === "me" ? "" : "me" })}>mine</button>
        <button type="button" class="chip" aria-pressed={filter.owner === "nobody"} onClick={() => set({ owner: filter.owner === "nobody" ? "" : "nobody" })}>nobody's</button>
      </span>
      <button type="button" class="button filter-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>Filter</button>
      <span class="shown" aria-live="polite">{count === all ? `${count}` : `${count} of ${all}`}</span>
    </div>
  );
}

/** Nothing to show, and why: because all is quiet, or because nobody is looking. */
function Calm({ filter }: { filter: Filter }) {
  const modules = useStore((state) => state.modules);
  const any = useStore((state) => state.incidents.size);
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
      {!sources.length && <p>Nothing is read yet: switch a connector on in the configuration, for example <code>connector.fileTail</code>.</p>}
    </Empty>
  );
}
