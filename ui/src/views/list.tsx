// The list of incidents: rows of one height, of which only those in sight exist, and none moves under the cursor.

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { move, mayWork } from "../deeds";
import { shift } from "../order";
import { useStore } from "../store";
import { visible } from "../text";
import type { Incident, Proposal } from "../types";
import { Ago, Do, Link, Mark, State, Text } from "./parts";

/** With more rows than this, only those in sight exist. */
const ALL = 200;
const SPARE = 10;

interface Props {
  incidents: Incident[];
  cursor: string | null;
  shown: string | null;
  search: string;
  point(id: string): void;
  picked: ReadonlySet<string>;
  toggle(id: string): void;
}

function useRowHeight(): number {
  const narrow = useMemo(() => matchMedia("(max-width: 720px)"), []);
  const [height, set] = useState(narrow.matches ? 76 : 44);
  useEffect(() => {
    const look = (): void => set(narrow.matches ? 76 : 44);
    narrow.addEventListener("change", look);
    return () => narrow.removeEventListener("change", look);
  }, [narrow]);
  return height;
}

export function List({ incidents, cursor, shown, search, point, picked, toggle }: Props) {
  const height = useRowHeight();
  const box = useRef<HTMLDivElement>(null);
  const [view, look] = useState({ top: 0, rows: 40 });
  const [fresh, setFresh] = useState(0);
  const before = useRef<string[]>([]);
  const hovered = useRef<string | null>(null);
  const proposals = useStore((state) => state.proposals);
  const waiting = useMemo(() => {
    const found = new Map<string, Proposal>();
    for (const one of proposals.values()) if (one.status === "pending" && one.incidentId) found.set(one.incidentId, one);
    return found;
  }, [proposals]);
  const ids = useMemo(() => incidents.map((one) => one.id), [incidents]);

  const measure = (): void => {
    const element = box.current;
    if (!element) return;
    const top = Math.floor(element.scrollTop / height);
    look((old) => {
      const rows = Math.ceil(element.clientHeight / height);
      return old.top === top && old.rows === rows ? old : { top, rows };
    });
    if (element.scrollTop < height) setFresh(0);
  };

  // A new row above must not push away what somebody is about to press.
  useLayoutEffect(() => {
    const element = box.current;
    const old = before.current;
    before.current = ids;
    if (!element || !old.length) return;
    const top = old[Math.floor(element.scrollTop / height)] ?? null;
    const anchor = hovered.current ?? cursor ?? (element.scrollTop > 0 ? top : null);
    const moved = shift(old, ids, anchor);
    if (moved > 0) {
      element.scrollTop += moved * height;
      setFresh((count) => count + moved);
    } else if (moved < 0) element.scrollTop += moved * height;
    measure();
  }, [ids]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, [height]);

  // The row under the keyboard's cursor is always in sight.
  useEffect(() => {
    const element = box.current;
    const at = cursor ? ids.indexOf(cursor) : -1;
    if (!element || at < 0) return;
    const top = at * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
  }, [cursor]);

  const isAll = incidents.length <= ALL;
  const from = isAll ? 0 : Math.max(0, view.top - SPARE);
  const to = isAll ? incidents.length : Math.min(incidents.length, view.top + view.rows + SPARE);
  return (
    <div class="list-frame">
      {fresh > 0 && (
        <button type="button" class="pill" onClick={() => { box.current?.scrollTo({ top: 0 }); setFresh(0); }}>{fresh} new</button>
      )}
      <div class="list" ref={box} onScroll={measure} tabIndex={0} role="region" aria-label="Incidents, scrollable"
        onPointerLeave={() => { hovered.current = null; }}>
        <ol class="rows" data-pick={mayWork() || undefined} aria-label={`${incidents.length} incidents, the most urgent first`} style={{ height: `${incidents.length * height}px` }}>
          {incidents.slice(from, to).map((one, at) => (
            <li key={one.id} class="row" data-cursor={one.id === cursor || undefined} data-shown={one.id === shown || undefined} data-picked={picked.has(one.id) || undefined}
              data-severity={one.severity} data-status={one.status} data-id={one.id}
              aria-setsize={incidents.length} aria-posinset={from + at + 1}
              style={{ top: `${(from + at) * height}px` }}
              onPointerEnter={(event) => { hovered.current = event.pointerType === "mouse" ? one.id : null; }}>
              {mayWork() && <Pick title={one.title} is={picked.has(one.id)} toggle={() => toggle(one.id)} />}
              <Row incident={one} waits={waiting.get(one.id)} search={search} point={point} />
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}

function Pick({ title, is, toggle }: { title: string; is: boolean; toggle(): void }) {
  return (
    <label class="pick">
      <input type="checkbox" checked={is} aria-label={`Select: ${visible(title)}`} onChange={toggle} />
    </label>
  );
}

function Row({ incident, waits, search, point }: { incident: Incident; waits: Proposal | undefined; search: string; point(id: string): void }) {
  return useMemo(() => (
    <>
      <Mark of={incident.severity} />
      <Link to={`/i/${encodeURIComponent(incident.id)}${search}`} class="title" onFocus={() => point(incident.id)}>
        <b><Text of={incident.title} /></b> <span class="cause"><Text of={incident.description} /></span>
      </Link>
      {incident.occurrences > 1 ? <span class="times" title={`${incident.occurrences} signals`}>×{incident.occurrences}</span> : <span class="times" />}
      <span class="owner">{incident.assignee ? <Text of={incident.assignee} /> : ""}</span>
      <State of={incident.status} />
      <span class="when"><Ago at={incident.createdAt} /><span class="last">seen <Ago at={incident.lastSeenAt} /></span></span>
      <span class="next"><Next incident={incident} waits={waits} /></span>
    </>
  ), [incident, waits, search]);
}

/** The one next step. */
function Next({ incident, waits }: { incident: Incident; waits: Proposal | undefined }) {
  if (waits) return <Link to={`/approvals/${encodeURIComponent(waits.id)}`} class="button small ask">Decide</Link>;
  if (!mayWork()) return null;
  const label = (verb: string): string => `${verb}: ${incident.title}`;
  if (incident.status === "open") return <Do kind="small" label={label("Acknowledge")} run={() => move(incident.id, "acknowledge")}>Acknowledge</Do>;
  if (incident.status === "acknowledged") return <Do kind="small" label={label("Resolve")} run={() => move(incident.id, "resolve")}>Resolve</Do>;
  if (incident.status === "resolved") return <Do kind="small plain" label={label("Reopen")} run={() => move(incident.id, "reopen")}>Reopen</Do>;
  return null;
}
