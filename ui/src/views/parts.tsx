// Small things that every view is made of.

import type { ComponentChildren } from "preact";
import { useEffect, useReducer, useRef, useState } from "preact/hooks";

import { go, serverNow } from "../store";
import { age, clock, marked, pieces, span, utc } from "../text";
import type { Severity, Status } from "../types";

/** Text from outside: inert, in its own direction, with the characters that hide shown by name. */
export function Text({ of }: { of: string }) {
  const found = pieces(of);
  return (
    <bdi>
      {found.map((piece) => (piece.hidden ? <span class="hidden-char" title="a character that cannot be seen">{piece.text}</span> : piece.text))}
    </bdi>
  );
}

/** A line of a log with the matched parts marked. */
export function Line({ of, parts }: { of: string; parts: string[] }) {
  return (
    <code class="line">
      {marked(of, parts).map((piece) => (piece.mark ? <mark><Text of={piece.text} /></mark> : <Text of={piece.text} />))}
    </code>
  );
}

const MARKS: Record<Severity, string> = { critical: "M8 1 15 14H1Z", warning: "M8 1 15 8 8 15 1 8Z", info: "M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2Z" };

/** How bad it is, by shape, colour and word. */
export function Mark({ of, short }: { of: Severity; short?: boolean }) {
  return (
    <span class={`mark ${of}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true"><path d={MARKS[of] ?? MARKS.info} /></svg>
      <span class={short ? "word short" : "word"}>{of}</span>
    </span>
  );
}

export function State({ of }: { of: Status | string }) {
  return <span class={`state ${of}`}>{of.replace(/_/g, " ")}</span>;
}

/** A time: how long ago, with the moment itself for whoever points at it. */
export function Ago({ at }: { at: string }) {
  return <time dateTime={at} title={`${clock(at)} · ${utc(at)}`}>{useAge(at)}</time>;
}

const eachSecond = new Set<() => void>();
let timer = 0;

/** Calls `look` each second until the returned function is called. There is one timer, however many look. */
function everySecond(look: () => void): () => void {
  eachSecond.add(look);
  timer ||= window.setInterval(() => eachSecond.forEach((one) => one()), 1_000);
  return () => {
    eachSecond.delete(look);
    if (eachSecond.size) return;
    clearInterval(timer);
    timer = 0;
  };
}

/** How long ago `at` was. A list shows a hundred of these: only what reads otherwise than before is drawn again. */
function useAge(at: string): string {
  const [, again] = useReducer((count: number) => count + 1, 0);
  const said = age(at, serverNow());
  const latest = useRef({ at, said });
  latest.current = { at, said };
  useEffect(() => everySecond(() => {
    if (age(latest.current.at, serverNow()) !== latest.current.said) again(undefined);
  }), []);
  return said;
}

export function Moment({ at }: { at: string }) {
  return <time dateTime={at} title={utc(at)}>{clock(at, serverNow())}</time>;
}

/** The server's time, anew every `every` milliseconds. */
export function useTick(every: number): number {
  const [now, set] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => set(serverNow()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

export function Since({ at }: { at: string }) {
  const now = useTick(1_000);
  return <time dateTime={at} title={`${clock(at)} · ${utc(at)}`}>{span(now - Date.parse(at))}</time>;
}

/** A link within the dashboard. */
export function Link({ to, children, ...more }: {
  to: string; children: ComponentChildren; class?: string; title?: string; onFocus?: () => void;
  "aria-label"?: string; "aria-current"?: "page" | undefined;
}) {
  const follow = (event: MouseEvent): void => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a {...more} href={to} onClick={follow}>{children}</a>;
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return <div class="empty"><p class="empty-title">{title}</p>{children}</div>;
}

/** A heading with what belongs to it. */
export function Section({ title, aside, children }: { title: string; aside?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="section">
      <header><h2>{title}</h2>{aside}</header>
      {children}
    </section>
  );
}

/** Facts, one a row. */
export function FactList({ of }: { of: [string, ComponentChildren][] }) {
  return <dl class="facts">{of.map(([name, value]) => <><dt>{name}</dt><dd>{value}</dd></>)}</dl>;
}

/** A button that waits for what it starts. */
export function Do({ run, children, kind = "", label, disabled, title }: {
  run: () => Promise<unknown> | void; children: ComponentChildren; kind?: string; label?: string; disabled?: boolean; title?: string;
}) {
  const [busy, set] = useState(false);
  const start = async (event: Event): Promise<void> => {
    event.stopPropagation();
    set(true);
    try {
      await run();
    } finally {
      set(false);
    }
  };
  return (
    <button type="button" class={`button ${kind}`} aria-label={label} title={title} disabled={busy || disabled} onClick={(event) => void start(event)}>
      {children}
    </button>
  );
}
