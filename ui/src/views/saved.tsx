// Views that somebody saved: a name for a filter, kept on the server, for themselves alone.

import { useEffect, useRef, useState } from "preact/hooks";

import * as api from "../api";
import { parse, query, type Filter } from "../order";
import { toast } from "../store";
import { visible } from "../text";
import { Do, Link, Text } from "./parts";

interface View {
  name: string;
  query: string;
}

/** What stands for the usual filter, whose query is empty: the server wants one. */
const USUAL = "status=open,acknowledged";

const at = (name: string): string => `/views/${encodeURIComponent(name)}`;

export function Views({ filter }: { filter: Filter }) {
  const [views, setViews] = useState<View[]>([]);
  const [name, setName] = useState("");
  const box = useRef<HTMLDetailsElement>(null);
  const read = async (): Promise<void> => setViews((await api.get<{ views: View[] }>("/views")).views);
  useEffect(() => {
    read().catch(() => undefined);
    const close = (event: Event): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) box.current?.removeAttribute("open");
    };
    document.addEventListener("pointerdown", close);
    return () => document.removeEventListener("pointerdown", close);
  }, []);
  const act = async (work: () => Promise<unknown>, said: string): Promise<void> => {
    try {
      await work();
      toast(said, "good");
      await read();
    } catch (error) {
      toast(error instanceof Error ? error.message : "that did not work", "bad");
    }
  };
  const save = (): Promise<void> => {
    const called = name.trim();
    setName("");
    return act(() => api.put(at(called), { query: query(filter).slice(1) || USUAL }), `Saved as ${visible(called)}`);
  };
  const here = query(filter);
  return (
    <details class="menu views" ref={box} onKeyDown={(event) => {
      if (event.key !== "Escape") return;
      box.current?.removeAttribute("open");
      box.current?.querySelector("summary")?.focus();
    }}>
      <summary>Views</summary>
      <div class="sheet">
        {!views.length && <p class="hint">No view is saved yet.</p>}
        <ul onClick={(event) => { if (event.target instanceof Element && event.target.closest("a")) box.current?.removeAttribute("open"); }}>{views.map((one) => {
          const to = query(parse(`?${one.query}`));
          return (
            <li key={one.name}>
              <Link to={`/${to}`} class="view" aria-current={to === here ? "page" : undefined}><Text of={one.name} /></Link>
              <Do kind="small plain" label={`Remove the view ${visible(one.name)}`} run={() => act(() => api.remove(at(one.name)), `Removed ${visible(one.name)}`)}>×</Do>
            </li>
          );
        })}</ul>
        <form onSubmit={(event) => { event.preventDefault(); if (name.trim()) void save(); }}>
          <label for="view-name">Save this filter as</label>
          <input id="view-name" type="text" value={name} maxLength={100} autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
          <button type="submit" class="button" disabled={!name.trim()}>Save</button>
        </form>
      </div>
    </details>
  );
}
