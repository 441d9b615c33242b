// The list of incidents: rows of one height, of which only those in sight exist, and none moves under the cursor.
//
// Each hook that keeps a function is a function of its own: what it keeps would otherwise hold the list of its time.

import type { RefObject } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { mayWork } from "../deeds";
import { shift } from "../order";
import { useStore } from "../store";
import type { Incident, Proposal } from "../types";
import { Row } from "./row";

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

type Box = RefObject<HTMLDivElement | null>;

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

/** The proposals that wait, by their incidents. */
function useWaiting(): Map<string, Proposal> {
  const proposals = useStore((state) => state.proposals);
  return useMemo(() => {
    const found = new Map<string, Proposal>();
    for (const one of proposals.values()) if (one.status === "pending" && one.incidentId) found.set(one.incidentId, one);
    return found;
  }, [proposals]);
}

function useIds(incidents: Incident[]): string[] {
  return useMemo(() => incidents.map((one) => one.id), [incidents]);
}

/** Which rows are in sight, and how many new ones are above them. */
function useSight(box: Box, height: number) {
  const [view, look] = useState(() => ({ top: 0, rows: Math.ceil(innerHeight / height) }));
  const [fresh, setFresh] = useState(0);
  const measure = useCallback((): void => {
    const element = box.current;
    if (!element) return;
    const top = Math.floor(element.scrollTop / height);
    look((old) => {
      const rows = Math.ceil(element.clientHeight / height);
      return old.top === top && old.rows === rows ? old : { top, rows };
    });
    if (element.scrollTop < height) setFresh(0);
  }, [height]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, [measure]);
  return { view, fresh, setFresh, measure };
}

type Sight = ReturnType<typeof useSight>;

/** A new row above must not push away what somebody is about to press. Gives the ids as they are drawn. */
function useAnchor(box: Box, ids: string[], anchored: () => string | null, { setFresh, measure }: Pick<Sight, "setFresh" | "measure">, height: number): RefObject<string[]> {
  const drawn = useRef<string[]>([]);
  useLayoutEffect(() => {
    const element = box.current;
    const old = drawn.current ?? [];
    drawn.current = ids;
    if (!element || !old.length) return;
    const top = old[Math.floor(element.scrollTop / height)] ?? null;
    const moved = shift(old, ids, anchored() ?? (element.scrollTop > 0 ? top : null));
    if (moved) element.scrollTop += moved * height;
    if (moved > 0) setFresh((count) => count + moved);
    measure();
  }, [ids]);
  return drawn;
}

/** The row under the keyboard's cursor is always in sight. */
function useCursor(box: Box, cursor: string | null, drawn: RefObject<string[]>, height: number): void {
  useEffect(() => {
    const element = box.current;
    const at = cursor ? (drawn.current ?? []).indexOf(cursor) : -1;
    if (!element || at < 0) return;
    const top = at * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
  }, [cursor]);
}

/** The row under the mouse, told of by the list as a whole. */
const under = (event: PointerEvent): string | null => {
  const row = event.target instanceof Element ? event.target.closest<HTMLElement>(".row") : null;
  return event.pointerType === "mouse" ? (row?.dataset.id ?? null) : null;
};

export function List({ incidents, cursor, shown, search, point, picked, toggle }: Props) {
  const height = useRowHeight();
  const box = useRef<HTMLDivElement>(null);
  const hovered = useRef<string | null>(null);
  const waiting = useWaiting();
  const ids = useIds(incidents);
  const sight = useSight(box, height);
  const { view, fresh, setFresh, measure } = sight;
  const drawn = useAnchor(box, ids, () => hovered.current ?? cursor, sight, height);
  useCursor(box, cursor, drawn, height);

  const isAll = incidents.length <= ALL;
  const from = isAll ? 0 : Math.max(0, view.top - SPARE);
  const to = isAll ? incidents.length : Math.min(incidents.length, view.top + view.rows + SPARE);
  return (
    <div class="list-frame">
      {fresh > 0 && (
        <button type="button" class="pill" onClick={() => { box.current?.scrollTo({ top: 0 }); setFresh(0); }}>{fresh} new</button>
      )}
      <div class="list" ref={box} onScroll={measure} tabIndex={0} role="region" aria-label="Incidents, scrollable"
        onPointerOver={(event) => { hovered.current = under(event); }} onPointerLeave={() => { hovered.current = null; }}>
        <ol class="rows" data-pick={mayWork() || undefined} aria-label={`${incidents.length} incidents, the most urgent first`} style={{ height: `${incidents.length * height}px` }}>
          {incidents.slice(from, to).map((one, at) => (
            <li key={one.id} class="row" data-cursor={one.id === cursor || undefined} data-shown={one.id === shown || undefined} data-picked={picked.has(one.id) || undefined}
              data-severity={one.severity} data-status={one.status} data-id={one.id}
              aria-setsize={incidents.length} aria-posinset={from + at + 1}
              style={{ top: `${(from + at) * height}px` }}>
              <Row incident={one} waits={waiting.get(one.id)} search={search} picked={picked.has(one.id)} point={point} toggle={toggle} />
            </li>
          ))}
        </ol>
      </div>
    </div>
  );
}
