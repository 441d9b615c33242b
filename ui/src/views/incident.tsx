// One incident: what, since when, how bad, why it was detected, what is being done, what happened.

import { useEffect, useRef, useState } from "preact/hooks";

import * as api from "../api";
import { readRuns } from "../data";
import { VERBS, assign, comment, mayWork, move } from "../deeds";
import { readIncident } from "../listing";
import { samples } from "../plot";
import { now, toast, useStore } from "../store";
import { brief, span, words } from "../text";
import type { Facts, Incident, Run, Runbook, TimelineEntry } from "../types";
import { Card } from "./approvals";
import { Chart } from "./chart";
import { Ago, Do, Empty, FactList, Line, Link, Mark, Moment, Section, Since, State, Text } from "./parts";

const LABELS = { acknowledge: "Acknowledge", resolve: "Resolve", close: "Close", reopen: "Reopen" };
const KEYS: Record<string, string> = { acknowledge: "a", resolve: "r" };

export function Detail({ id, back }: { id: string; back(): void }) {
  const incident = useStore((state) => state.incidents.get(id));
  const [missing, setMissing] = useState("");
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    readIncident(id).catch((error: unknown) => setMissing(error instanceof Error ? error.message : "it cannot be read"));
  }, [id]);
  if (!incident) {
    return <article class="detail"><button type="button" class="button small plain" onClick={back}>← Back</button><Empty title={missing || "Reading the incident…"} /></article>;
  }
  return (
    <article class="detail" aria-label="Incident">
      <header class="detail-head">
        <div class="detail-top">
          <Mark of={incident.severity} />
          <State of={incident.status} />
          {incident.flapping && <span class="state flapping">flapping, back {incident.flapping.reopened} times</span>}
          <button type="button" class="button small plain close" aria-label="Back to the list" onClick={back}>×</button>
        </div>
        <h2 ref={title} tabIndex={-1}><Text of={incident.title} /></h2>
        <p class="lead"><Text of={incident.description} /></p>
        <Deeds incident={incident} />
        <PostMortem id={id} />
      </header>
      <FactList of={[
        ["Since", <><Moment at={incident.detectedAt} /> – <Since at={incident.detectedAt} /></>],
        ["Last seen", <><Ago at={incident.lastSeenAt} /> ago</>],
        ["Signals", incident.occurrences.toLocaleString("en")],
        ["Owner", incident.assignee ? <Text of={incident.assignee} /> : "nobody"],
        ...(incident.autoResolveMs ? [["Resolves itself", `after ${span(incident.autoResolveMs)} of quiet`] as [string, string]] : []),
      ]} />
      <Escalated id={id} />
      <Proposed id={id} />
      <Runs incident={incident} />
      <Why incident={incident} />
      <Found incident={incident} />
      <Story incident={incident} />
    </article>
  );
}

function Deeds({ incident }: { incident: Incident }) {
  const me = useStore((state) => state.who?.subject ?? "");
  if (!mayWork()) return <p class="hint">Your role may look but not change anything.</p>;
  const mine = incident.assignee === me;
  return (
    <div class="deeds">
      {VERBS[incident.status].map((verb, at) => (
        <Do key={verb} kind={at ? "" : "primary"} run={() => move(incident.id, verb)}>{LABELS[verb]}{KEYS[verb] && <kbd>{KEYS[verb]}</kbd>}</Do>
      ))}
      {mine
        ? <Do run={() => assign(incident.id, null)}>Give back</Do>
        : <Do run={() => assign(incident.id, me)}>Assign to me<kbd>m</kbd></Do>}
    </div>
  );
}

/** The whole story, to keep and to print. */
function PostMortem({ id }: { id: string }) {
  const at = `${api.BASE}/incidents/${encodeURIComponent(id)}/post-mortem?format=`;
  return (
    <p class="post-mortem">
      Post-mortem: <a href={`${at}markdown`} download={`post-mortem-${id.replace(/[^\w-]/g, "_")}.md`}>download as Markdown</a> · <a href={`${at}html`} target="_blank" rel="noopener noreferrer">page to print<span class="sr"> (opens a new tab)</span></a>
    </p>
  );
}

function Escalated({ id }: { id: string }) {
  const escalation = useStore((state) => state.escalations.find((one) => one.incidentId === id));
  if (!escalation) return null;
  return (
    <p class="escalated">
      Escalated by <b><Text of={escalation.policyId} /></b> to level {escalation.level}, {escalation.told} told
      {escalation.dueAt ? <>; next at <Moment at={escalation.dueAt} /></> : null}.
    </p>
  );
}

function Proposed({ id }: { id: string }) {
  const proposals = useStore((state) => state.proposals);
  const mine = [...proposals.values()].filter((one) => one.incidentId === id).sort((a, b) => (a.requestedAt < b.requestedAt ? 1 : -1));
  if (!mine.length) return null;
  return <Section title="Proposed actions"><ul class="cards">{mine.map((one) => <Card key={one.id} of={one} />)}</ul></Section>;
}

/** What the detector saw, beside its rule. */
function Why({ incident }: { incident: Incident }) {
  const context = incident.context ?? {};
  const line = typeof context.matchedLine === "string" ? context.matchedLine : null;
  const groups = Array.isArray(context.matchedGroups) ? context.matchedGroups.filter((one): one is string => typeof one === "string" && one !== "") : [];
  const shown = new Set(["matchedLine", "matchedGroups", "attributes", "stream", "position", "samples"]);
  const series = samples(context);
  const attributes = context.attributes && typeof context.attributes === "object" && !Array.isArray(context.attributes) ? (context.attributes as Facts) : {};
  const rows = (facts: Facts): [string, preact.JSX.Element][] =>
    Object.entries(facts).filter(([key]) => !shown.has(key)).map(([key, value]) => [words(key), key === "pattern" ? <code><Text of={brief(value)} /></code> : <Text of={brief(value)} />]);
  return (
    <Section title="Why it was detected" aside={line !== null ? <Do kind="small plain" run={() => navigator.clipboard.writeText(line).then(() => toast("Copied", "good"))}>Copy line</Do> : undefined}>
      {line !== null && <div class="evidence" tabIndex={0} role="group" aria-label="The matched line"><Line of={line} parts={groups} /></div>}
      {series && <Chart of={series} until={incident.detectedAt} />}
      {!series && typeof context.latestValue === "number" && typeof context.threshold === "number" && <Gauge value={context.latestValue} limit={context.threshold} />}
      {typeof context.value === "number" && typeof context.upperBound === "number" && typeof context.lowerBound === "number" && (
        <p class="lead">It was <b>{brief(context.value)}</b>, outside of {brief(context.lowerBound)} to {brief(context.upperBound)}.</p>
      )}
      <FactList of={[["detector", incident.detectedBy], ...rows(context)]} />
      {Object.keys(attributes).length > 0 && <details><summary>Facts of the record</summary><FactList of={rows(attributes)} /></details>}
    </Section>
  );
}

/** A value beside its limit. */
function Gauge({ value, limit }: { value: number; limit: number }) {
  const most = Math.max(Math.abs(value), Math.abs(limit)) * 1.15 || 1;
  const at = (x: number): number => (Math.abs(x) / most) * 100;
  return (
    <figure class="gauge">
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" width="100" height="8" /><rect class="value" width={at(value)} height="8" /><rect class="limit" x={at(limit)} width="0.6" height="8" />
      </svg>
      <figcaption>latest {brief(value)}, limit {brief(limit)}</figcaption>
    </figure>
  );
}

/** What modules found out. */
function Found({ incident }: { incident: Incident }) {
  const found = Object.entries(incident.enrichments ?? {});
  if (!found.length) return null;
  return (
    <Section title="What modules found out">
      {found.map(([module, data]) => {
        const facts = data && typeof data === "object" && !Array.isArray(data) ? (data as Facts) : { value: data };
        return (
          <details key={module} open={typeof facts.summary === "string"}>
            <summary>{module}</summary>
            {typeof facts.summary === "string" && <p class="lead"><Text of={facts.summary} /></p>}
            <FactList of={Object.entries(facts).filter(([key]) => key !== "summary").map(([key, value]) => [words(key), <Text of={brief(value)} />])} />
          </details>
        );
      })}
    </Section>
  );
}

const KEY_MOMENTS = new Set(["created", "status.changed", "assigned", "comment", "flapping"]);

function Story({ incident }: { incident: Incident }) {
  const [all, setAll] = useState(false);
  const [text, setText] = useState("");
  const entries = incident.timeline ?? [];
  const shown = all ? entries : entries.filter((one) => KEY_MOMENTS.has(one.action));
  const save = async (): Promise<void> => {
    if (text.trim() && (await comment(incident.id, text.trim()))) setText("");
  };
  const hidden = entries.length - shown.length;
  return (
    <Section title="Timeline" aside={(hidden > 0 || all) && <button type="button" class="button small plain" aria-pressed={all} onClick={() => setAll(!all)}>{all ? "key moments" : `+${hidden} more`}</button>}>
      <ol class="timeline">
        {incident.timelineDropped ? <li class="hint">{incident.timelineDropped} older entries were dropped.</li> : null}
        {shown.map((one, at) => <Entry key={at} of={one} />)}
      </ol>
      {mayWork() && (
        <form class="note" onSubmit={(event) => { event.preventDefault(); void save(); }}>
          <label for="note" class="sr">Write a note</label>
          <textarea id="note" rows={2} placeholder="Write a note  c" maxLength={4_000} value={text} onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void save();
              if (event.key === "Escape") event.currentTarget.blur();
            }} />
          <button type="submit" class="button small" disabled={!text.trim()}>Add note</button>
        </form>
      )}
    </Section>
  );
}

function Entry({ of }: { of: TimelineEntry }) {
  const { details = {} } = of;
  const says: Record<string, preact.ComponentChildren> = {
    created: "detected",
    "status.changed": <>{brief(details.oldStatus)} → <b>{brief(details.newStatus)}</b></>,
    assigned: details.assignee ? <>assigned to <b><Text of={brief(details.assignee)} /></b></> : "nobody is assigned any more",
    comment: <span class="comment"><Text of={brief(details.text)} /></span>,
  };
  return (
    <li data-action={of.action}>
      <Moment at={of.timestamp} />
      <span><b><Text of={of.actor} /></b> {says[of.action] ?? <>{words(of.action)} <Text of={Object.entries(details).map(([key, value]) => `${words(key)} ${brief(value)}`).join(", ")} /></>}{of.reason ? <>, because <Text of={of.reason} /></> : null}</span>
    </li>
  );
}

function Runs({ incident }: { incident: Incident }) {
  const runs = useStore((state) => state.runs).filter((one) => one.incidentId === incident.id);
  const [offered, setOffered] = useState<Runbook[]>([]);
  useEffect(() => {
    api.get<{ runbooks: Runbook[] }>("/runbooks").then((found) => setOffered(found.runbooks), () => undefined);
  }, []);
  const isActive = incident.status === "open" || incident.status === "acknowledged";
  if (!runs.length && (!offered.length || !isActive || !mayWork())) return null;
  return (
    <Section title="Runbooks">
      {runs.map((one) => <OneRun key={one.id} run={one} />)}
      {mayWork() && isActive && offered.filter((book) => !runs.some((run) => run.runbookId === book.id && !run.endedAt)).map((book) => (
        <p key={book.id} class="offer"><Do kind="small" run={() => step("/runs", { runbookId: book.id, incidentId: incident.id })}>Start</Do> <Text of={book.title} /> <span class="hint">{book.steps.length} steps</span></p>
      ))}
    </Section>
  );
}

async function step(path: string, body: unknown = {}): Promise<void> {
  try {
    await api.post(path, body, api.wish());
    await readRuns();
  } catch (error) {
    toast(error instanceof Error ? error.message : "that did not work", "bad");
  }
}

const DONE: Record<string, string> = { completed: "✓", failed: "✗", skipped: "–", unknown: "?" };

function OneRun({ run }: { run: Run }) {
  const at = `/runs/${encodeURIComponent(run.id)}`;
  const isOpen = !run.endedAt;
  return (
    <div class="run">
      <p class="run-head"><b><Text of={run.title} /></b> <State of={run.state} /> <span class="hint">by <Text of={run.startedBy} /></span></p>
      {run.note && <p class="hint"><Text of={run.note} /></p>}
      <ol class="steps">
        {run.steps.map((one, index) => (
          <li key={index} data-state={one.state}>
            <span class="tick" aria-hidden="true">{DONE[one.state] ?? "○"}</span>
            <span class="step-text"><Text of={one.step.instruction} /> <span class="hint">{words(one.state)}{one.endedBy ? <> by <Text of={one.endedBy} /></> : null}</span>
              {one.output && <pre class="output" tabIndex={0}><Text of={one.output} /></pre>}</span>
            <span class="step-do">
              {one.proposal && one.state === "awaiting_approval" && <Link class="button small ask" to={`/approvals/${encodeURIComponent(one.proposal.id)}`}>Decide</Link>}
              {isOpen && mayWork() && one.state === "awaiting_person" && <>
                <Do kind="small primary" run={() => step(`${at}/steps/${index}/complete`)}>Done</Do>
                <Do kind="small plain" run={() => step(`${at}/steps/${index}/skip`)}>Skip</Do>
              </>}
            </span>
          </li>
        ))}
      </ol>
      {isOpen && mayWork() && now().who && (
        <div class="deeds">
          {run.state === "paused" ? <Do kind="small" run={() => step(`${at}/resume`)}>Go on</Do> : <Do kind="small" run={() => step(`${at}/pause`)}>Pause</Do>}
          <Do kind="small plain" run={() => step(`${at}/abort`)}>Abort</Do>
        </div>
      )}
    </div>
  );
}
