// What the list shows: words, severity, status, owner, module, time. All of it stands in the address.

import { useMemo, useState } from "preact/hooks";

import { SEVERITIES, STATUSES, query, type Filter, type Within } from "../order";
import { go, now, useStore } from "../store";
import { visible } from "../text";
import { Views } from "./saved";

const toggled = <T extends string>(list: T[], one: T, every: T[]): T[] => {
  const next = list.includes(one) ? list.filter((x) => x !== one) : every.filter((x) => x === one || list.includes(x));
  return next.length ? next : every;
};

const SPAN_NAMES: [Within, string][] = [["", "any time"], ["1h", "last hour"], ["24h", "last day"], ["7d", "last week"]];

export function Filters({ filter, count, all }: { filter: Filter; count: number; all: number }) {
  const set = (more: Partial<Filter>): void => go(now().path + query({ ...filter, ...more }), true);
  const [open, setOpen] = useState(false);
  const isOpen = open || undefined;
  return (
    <div class="filters" role="search" aria-label="Filter incidents">
      <input id="search" type="search" placeholder="Search  /" aria-label="Search incidents" spellcheck={false} value={filter.text}
        onInput={(event) => set({ text: event.currentTarget.value })}
        onKeyDown={(event) => { if (event.key === "Escape" || event.key === "Enter") event.currentTarget.blur(); }} />
      <span class="chips" data-open={isOpen} role="group" aria-label="Severity">
        {SEVERITIES.map((one) => <button type="button" class={`chip ${one}`} aria-pressed={filter.severities.includes(one)} onClick={() => set({ severities: toggled(filter.severities, one, SEVERITIES) })}>{one}</button>)}
      </span>
      <span class="chips" data-open={isOpen} role="group" aria-label="Status">
        {STATUSES.map((one) => <button type="button" class="chip" aria-pressed={filter.statuses.includes(one)} onClick={() => set({ statuses: toggled(filter.statuses, one, STATUSES) })}>{one}</button>)}
      </span>
      <span class="chips" data-open={isOpen} role="group" aria-label="Owner">
        <button type="button" class="chip" aria-pressed={filter.owner === "me"} onClick={() => set({ owner: filter.owner === "me" ? "" : "me" })}>mine</button>
        <button type="button" class="chip" aria-pressed={filter.owner === "nobody"} onClick={() => set({ owner: filter.owner === "nobody" ? "" : "nobody" })}>nobody's</button>
      </span>
      <span class="choices" data-open={isOpen}>
        <Modules filter={filter} set={set} />
        <select aria-label="Time" value={filter.within} onChange={(event) => set({ within: event.currentTarget.value as Within })}>
          {SPAN_NAMES.map(([value, name]) => <option value={value}>{name}</option>)}
        </select>
      </span>
      <button type="button" class="button filter-toggle" aria-expanded={open} onClick={() => setOpen(!open)}>Filter</button>
      <Views filter={filter} />
      <span class="shown" aria-live="polite">{count === all ? `${count}` : `${count} of ${all}`}</span>
    </div>
  );
}

/** The detectors that found what is known. */
function Modules({ filter, set }: { filter: Filter; set(more: Partial<Filter>): void }) {
  const incidents = useStore((state) => state.incidents);
  const ids = useMemo(() => {
    const found = new Set<string>(filter.module ? [filter.module] : []);
    for (const one of incidents.values()) found.add(one.detectedBy);
    return [...found].sort();
  }, [incidents, filter.module]);
  return (
    <select aria-label="Detector" value={filter.module} onChange={(event) => set({ module: event.currentTarget.value })}>
      <option value="">any detector</option>
      {ids.map((id) => <option key={id} value={id}>{visible(id)}</option>)}
    </select>
  );
}
