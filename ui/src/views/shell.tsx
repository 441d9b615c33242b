// What stands around every view: the bar, the ways to the others, what is wrong with the connection.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { signOut } from "../api";
import { leave } from "../data";
import { shortcuts } from "../keys";
import { SEVERITIES } from "../order";
import { change, settings } from "../settings";
import { dismiss, now, set, useStore } from "../store";
import { clock, span, visible } from "../text";
import { isWaiting } from "./changes";
import { Palette } from "./palette";
import { Do, Link, useTick } from "./parts";

const VIEWS = [
  { to: "/", name: "Now" },
  { to: "/approvals", name: "Approvals" },
  { to: "/oncall", name: "On call" },
  { to: "/audit", name: "Audit" },
  { to: "/sources", name: "Sources" },
  { to: "/rules", name: "Rules" },
];

export function Shell({ children }: { children: ComponentChildren }) {
  const path = useStore((state) => state.path);
  const here = path.startsWith("/i/") ? "/" : `/${path.split("/")[1] ?? ""}`;
  const waiting = useStore((state) => [...state.proposals.values()].filter((one) => one.status === "pending").length + state.changes.filter(isWaiting).length);
  const view = VIEWS.find((one) => one.to === here) ?? (here === "/setup" ? { name: "Set up" } : undefined);
  useEffect(() => {
    document.title = `${view?.name ?? "OpsPilot"} · OpsPilot`;
  }, [view]);
  return (
    <div class="shell">
      <a class="skip" href="#main">Skip to the content</a>
      <header class="bar">
        <Link to="/" class="brand" aria-label="OpsPilot, now">OpsPilot</Link>
        <nav aria-label="Views">
          {VIEWS.map(({ to, name }) => (
            <Link to={to} aria-current={to === here ? "page" : undefined}>
              {name}
              {to === "/approvals" && waiting > 0 && <span class="count" aria-label={`, ${waiting} waiting`}>{waiting}</span>}
            </Link>
          ))}
        </nav>
        <Counts />
        <Duty />
        <Pulse />
        <Clock />
        <Menu />
      </header>
      <Broken />
      <main id="main" tabIndex={-1}>{children}</main>
      <Toasts />
      <Help />
      <Palette />
    </div>
  );
}

function Counts() {
  const incidents = useStore((state) => state.incidents);
  const loaded = useStore((state) => state.loaded);
  const partly = useStore((state) => state.partly);
  if (!loaded) return null;
  const count = { critical: 0, warning: 0, info: 0 };
  for (const one of incidents.values()) if (one.status === "open" || one.status === "acknowledged") count[one.severity] += 1;
  // What was not read whole is at least that many.
  const says = SEVERITIES.map((one) => `${count[one]}${partly.has(one) ? "+" : ""} ${one}`);
  return (
    <p class="counts" aria-label={`Active: ${says.join(", ")}`}>
      {SEVERITIES.map((one, at) => <span class={one} data-zero={(!count[one] && !partly.has(one)) || undefined}>{says[at]}</span>)}
    </p>
  );
}

/** Says so when whoever looks is on call. */
function Duty() {
  const onCall = useStore((state) => state.onCall);
  const who = useStore((state) => state.who);
  const mine = onCall?.schedules.find((one) => one.person && one.person === who?.subject);
  if (!mine) return null;
  return <span class="duty">you are on call{mine.until ? ` until ${clock(mine.until).replace(/:\d\d$/, "")}` : ""}</span>;
}

const SAYS = { connecting: "connecting", live: "live", silent: "silent", lost: "connection lost" };

function Pulse() {
  const link = useStore((state) => state.link);
  const bad = useStore((state) => state.modules.filter((one) => one.status === "unhealthy").length);
  const heard = useStore((state) => state.heard);
  const tick = useTick(1_000) - now().skew;
  const ago = Math.max(0, Math.round((tick - heard) / 1000));
  return (
    <Link to="/sources" class={`pulse ${link}`} title={`last heard from the server ${ago} s ago`}>
      <span class="dot" aria-hidden="true" />
      <span>{SAYS[link]}</span>
      {bad > 0 && <span class="bad">{bad} down</span>}
    </Link>
  );
}

function Clock() {
  const at = useTick(1_000);
  const time = new Date(at);
  return (
    <span class="clock" aria-hidden="true">
      <b>{clock(at)}</b> <span>{time.toISOString().slice(11, 16)} UTC</span>
    </span>
  );
}

/** The line that is never missed: what is shown may not be true any more. */
function Broken() {
  const link = useStore((state) => state.link);
  const heard = useStore((state) => state.heard);
  const trouble = useStore((state) => state.trouble);
  useTick(1_000);
  const isBad = link === "lost" || link === "silent";
  const since = span(Date.now() - heard);
  return (
    <div role="status" class={isBad || trouble ? "broken" : "broken quiet"}>
      {link === "lost" && <><b>Connection lost.</b> Trying again by itself. You see what was known at {clock(heard)}.</>}
      {link === "silent" && <><b>Nothing heard for {since}.</b> What you see may be out of date.</>}
      {!isBad && trouble && <><b>Incidents cannot be read:</b> {trouble}</>}
    </div>
  );
}

function Menu() {
  const who = useStore((state) => state.who);
  const [theme, setTheme] = useState(settings().theme);
  const [keys, setKeys] = useState(settings().shortcuts);
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    const close = (event: Event): void => {
      if (event.target instanceof Node && !details.current?.contains(event.target)) details.current?.removeAttribute("open");
    };
    document.addEventListener("pointerdown", close);
    return () => document.removeEventListener("pointerdown", close);
  }, []);
  if (!who) return null;
  return (
    <details class="menu" ref={details} onKeyDown={(event) => {
      if (event.key !== "Escape") return;
      details.current?.removeAttribute("open");
      details.current?.querySelector("summary")?.focus();
    }}>
      <summary aria-label={`${visible(who.subject)}, ${who.role}: settings`}>{visible(who.subject)}</summary>
      <div class="sheet">
        <p><b>{visible(who.subject)}</b><br />{who.role}, {who.kind}, in by {who.method}</p>
        <label>Colours
          <select value={theme} onChange={(event) => {
            const next = event.currentTarget.value as typeof theme;
            setTheme(next);
            change({ theme: next });
          }}>
            <option value="auto">as the system</option>
            <option value="dark">dark</option>
            <option value="light">light</option>
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={keys} onChange={(event) => {
            setKeys(event.currentTarget.checked);
            change({ shortcuts: event.currentTarget.checked });
          }} />
          Shortcuts of a single key
        </label>
        <button type="button" class="button" onClick={() => set({ help: true })}>Keyboard</button>
        {who.method === "session" && <Do run={() => signOut().finally(leave)}>Sign out</Do>}
      </div>
    </details>
  );
}

function Toasts() {
  const toasts = useStore((state) => state.toasts);
  return (
    <div class="toasts" role="log" aria-live="polite" aria-label="Messages">
      {toasts.map((one) => (
        <div key={one.id} class={`toast ${one.kind}`}>
          <span>{one.text}</span>
          {one.undo && <button type="button" class="button small" onClick={() => { one.undo?.(); dismiss(one.id); }}>Undo</button>}
          <button type="button" class="button small plain" aria-label="Dismiss" onClick={() => dismiss(one.id)}>×</button>
        </div>
      ))}
    </div>
  );
}

function Help() {
  const open = useStore((state) => state.help);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => set({ help: false })}>
      {open && <>
        <h2 id="help-title">Keyboard</h2>
        <table>
          <tbody>
            {shortcuts().map((one) => <tr><th scope="row">{one.keys.split(" ").map((key) => <kbd>{key}</kbd>)}</th><td>{one.says}</td></tr>)}
          </tbody>
        </table>
        <p class="hint">No single key approves anything. Single keys can be switched off in the settings.</p>
        <form method="dialog"><button class="button" autofocus>Close</button></form>
      </>}
    </dialog>
  );
}
