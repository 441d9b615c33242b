// Setting the server up: what is read, who is told, each tried live, and the file as it would be before it is saved.

import { useEffect, useRef, useState } from "preact/hooks";

import { changes, type Report } from "../plant";
import { fresh, said, wishOf, type Channel, type Filled, type Preview, type Setup, type Wish } from "../setup";
import { preview, readSetup, save } from "../setup-api";
import { useStore } from "../store";
import { FirstSigns } from "./first-signs";
import { Do, Empty, Section, Text } from "./parts";
import { ChannelForms, SourceForms } from "./setup-forms";
import { ReadinessView } from "./readiness";

/** How long nobody types before the file is looked at, in milliseconds. */
const REST = 400;

const why = (error: unknown): string => (error instanceof Error ? error.message : "that did not work");

export function SetUp() {
  const isAdmin = useStore((state) => state.who?.role === "admin");
  const [setup, set] = useState<Setup | null>(null);
  const [trouble, setTrouble] = useState("");
  const [sources, choose] = useState<Record<string, Filled>>({});
  const [channels, tell] = useState<Channel[]>([]);
  const [saved, setSaved] = useState<Report | null>(null);
  const look = (): Promise<void> => readSetup().then((found) => { set(found); setTrouble(""); }, (error: unknown) => setTrouble(why(error)));
  useEffect(() => { if (isAdmin) void look(); }, [isAdmin]);
  if (!isAdmin) return <Empty title="Setting the server up is for administrators." />;
  if (!setup) return <Empty title={trouble || "Looking at this machine…"} />;
  const wish = wishOf(sources, channels);
  const keep = async (expected: string | null): Promise<void> => {
    setSaved(await save(wish, expected));
    choose({});
    tell([]);
    await look();
  };
  return (
    <div class="page setup" tabIndex={0}>
      <header class="page-head"><h1>Set up</h1></header>
      {saved && <Saved report={saved} path={setup.file.path} />}
      <ReadinessView of={setup.readiness} title={setup.file.digest ? "As it is now" : `There is no configuration yet: ${setup.file.path} will be made.`} />
      <Section title="What is read">
        <p class="lead">Found on this machine, and what else can be read. A trial reads a little and changes nothing.</p>
        <SourceForms kinds={setup.sources} sources={sources} choose={choose} />
      </Section>
      <Section title="Who is told">
        <p class="lead">A trial of a channel tells nobody.</p>
        <ChannelForms channels={channels} tell={tell} add={(type) => tell([...channels, { id: fresh(type, channels), type, filled: {} }])} />
      </Section>
      <File wish={wish} keep={keep} digest={setup.file.digest} />
    </div>
  );
}

/** The file as it would be. */
function File({ wish, keep, digest }: { wish: Wish; keep(expected: string | null): Promise<void>; digest: string | null }) {
  const [seen, see] = useState<Preview | null>(null);
  const [trouble, setTrouble] = useState("");
  const [refused, refuse] = useState("");
  const turn = useRef(0);
  const key = JSON.stringify(wish);
  const [shownFor, setShownFor] = useState("");
  const look = (): void => {
    const mine = ++turn.current;
    preview(wish).then(
      (found) => { if (mine === turn.current) { see(found); setShownFor(key); setTrouble(""); } },
      (error: unknown) => { if (mine === turn.current) { see(null); setTrouble(why(error)); } },
    );
  };
  useEffect(() => {
    refuse("");
    const timer = setTimeout(look, REST);
    return () => { clearTimeout(timer); turn.current += 1; };
  }, [key, digest]);
  const run = async (): Promise<void> => {
    refuse("");
    try {
      if (seen) await keep(seen.file.digest);
    } catch (error) {
      // It is shown anew before it can be saved again.
      refuse(why(error));
      setShownFor("");
      look();
    }
  };
  const obstacle = seen?.file.obstacle;
  const isFresh = seen !== null && shownFor === key;
  const nothing = isFresh && !seen.diff.length;
  return (
    <Section title="The file">
      {refused && <p class="trouble faults" role="alert">Not saved: <Text of={refused} /></p>}
      {trouble && <p class="trouble faults" role="alert"><Text of={trouble} /></p>}
      {!seen && !trouble && <Empty title="Reading…" />}
      {seen && (
        <>
          <p class="lead"><code>{seen.file.path}</code>{nothing ? ": nothing would change." : ", with what would change. Secrets are not shown."}</p>
          {seen.diff.length > 0 && <Diff of={seen} />}
          {seen.faults.map((fault) => <p class="trouble faults"><Text of={said(fault)} /></p>)}
          {seen.warnings.map((fault) => <p class="amber faults"><Text of={said(fault)} /></p>)}
          {seen.ok && <p role="status">The check finds no fault; {seen.modules.length} modules would run.</p>}
          {!nothing && <ReadinessView of={seen.readiness} title="As it would be" />}
          {obstacle && <p class="trouble">It cannot be saved from here: <Text of={obstacle} /></p>}
          <div class="deeds"><Do kind="primary" disabled={!isFresh || !seen.ok || nothing || Boolean(obstacle)} run={run}>Save and use it</Do></div>
        </>
      )}
    </Section>
  );
}

const SIGNS = { same: " ", added: "+", removed: "−", gap: "…" };

function Diff({ of }: { of: Preview }) {
  return (
    <ol class="diff" tabIndex={0} aria-label="What would change in the file">
      {of.diff.map((line, at) => (
        <li key={at} class={line.change}><span class="sign" aria-hidden="true">{SIGNS[line.change]}</span>{line.change === "added" && <span class="sr">added: </span>}{line.change === "removed" && <span class="sr">removed: </span>}<code><Text of={line.text} /></code></li>
      ))}
    </ol>
  );
}

function Saved({ report, path }: { report: Report; path: string }) {
  return (
    <div class="came" role="status">
      <p><b>Saved.</b> <code>{path}</code> is in use.</p>
      <ul class="plain">{changes(report).map((line) => <li><Text of={line} /></li>)}</ul>
      <FirstSigns />
    </div>
  );
}
