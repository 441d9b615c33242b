// Setting the server up: what is read, who is told, each tried live, and the file as it would be before it is saved.

import { useEffect, useRef, useState } from "preact/hooks";

import { changes, type Report } from "../plant";
import { fresh, outcome, said, wishOf, type Channel, type Chosen, type Preview, type Setup, type Wish } from "../setup";
import { preview, readAudit, readSetup, save } from "../setup-api";
import { useStore } from "../store";
import { Diff } from "./diff";
import { FirstSigns } from "./first-signs";
import { Do, Empty, Link, Section, Text } from "./parts";
import { ChannelForms, SourceForms } from "./setup-forms";
import { ReadinessView } from "./readiness";

/** How long nobody types before the file is looked at, in milliseconds. */
const REST = 400;

/** How often is asked what became of the file, in milliseconds, and how many times. */
const ASK = 1_000;
const TIMES = 60;

/** A file that was saved, and the newest audit entry before that. */
interface Kept {
  report: Report;
  before: number;
}

const why = (error: unknown): string => (error instanceof Error ? error.message : "that did not work");

export function SetUp() {
  const isAdmin = useStore((state) => state.who?.role === "admin");
  const [setup, set] = useState<Setup | null>(null);
  const [trouble, setTrouble] = useState("");
  const [sources, choose] = useState<Record<string, Chosen>>({});
  const [channels, tell] = useState<Channel[]>([]);
  const [saved, setSaved] = useState<Kept | null>(null);
  const look = (): Promise<void> => readSetup().then((found) => { set(found); setTrouble(""); }, (error: unknown) => setTrouble(why(error)));
  useEffect(() => { if (isAdmin) void look(); }, [isAdmin]);
  if (!isAdmin) return <Empty title="Setting the server up is for administrators." />;
  if (!setup) return <Empty title={trouble || "Looking at this machine…"} />;
  const wish = wishOf(sources, channels);
  const keep = async (expected: string | null): Promise<void> => {
    const before = (await readAudit())[0]?.seq ?? 0;
    setSaved({ report: await save(wish, expected), before });
    choose({});
    tell([]);
    await look();
  };
  return (
    <div class="page setup" tabIndex={0}>
      <header class="page-head"><h1>Set up</h1></header>
      {saved && <Saved key={saved.before} of={saved} path={setup.file.path} done={look} />}
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
          {seen.diff.length > 0 && <Diff of={seen.diff} label="What would change in the file" />}
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

function Saved({ of, path, done }: { of: Kept; path: string; done(): Promise<void> }) {
  const begun = of.report.message !== undefined;
  const [reason, tell] = useState<string | null>(begun ? null : "");
  const [times, count] = useState(0);
  const waits = reason === null && times < TIMES;
  useEffect(() => {
    if (!waits) return;
    // The API itself starts again meanwhile, and does not answer then.
    const ask = async (): Promise<void> => {
      const found = await readAudit().then((entries) => outcome(entries, of.before), () => null);
      if (found) await done();
      if (found) tell(found.reason);
      else count(times + 1);
    };
    const timer = setTimeout(() => void ask(), ASK);
    return () => clearTimeout(timer);
  }, [waits, times]);
  if (reason) return <p class="trouble faults" role="alert">Not saved, and the file is as it was: <Text of={reason} /></p>;
  return (
    <div class="came" role="status">
      {reason === "" && <p><b>Saved.</b> <code>{path}</code> is in use.</p>}
      {waits && <p><b>Being taken into use.</b> <code>{path}</code> is written; the API itself starts again.</p>}
      {reason === null && !waits && <p><b>Not known yet.</b> Whether <code>{path}</code> is in use, <Link to="/audit">Audit</Link> says: <code>config.replaced</code> or <code>config.notReplaced</code>.</p>}
      {!begun && <ul class="plain">{changes(of.report).map((line) => <li><Text of={line} /></li>)}</ul>}
      <FirstSigns />
    </div>
  );
}
