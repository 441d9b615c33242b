// Changes of rules: what waits for another administrator, with what it would change, and what came of the rest.

import { useState } from "preact/hooks";

import { decide, readChanges, whyNot, type Change } from "../changes";
import { now, toast, useStore } from "../store";
import { visible } from "../text";
import { Ask } from "./ask";
import { Diff } from "./diff";
import { Ago, Do, Section, State, Text } from "./parts";

type Verb = "approve" | "refuse";

const DOES = { edit: "Change of", add: "New rule", remove: "Removal of" };

/** How many that do not wait are shown. */
const OTHERS = 10;

export const isWaiting = (one: Change): boolean => one.status === "proposed";

export function Changes({ again }: { again(of: Change): void }) {
  const changes = useStore((state) => state.changes);
  const waiting = changes.filter(isWaiting);
  const others = changes.filter((one) => !isWaiting(one)).slice(0, OTHERS);
  const [asking, ask] = useState<{ of: Change; verb: Verb } | null>(null);
  const asked = (of: Change) => (verb: Verb): void => ask({ of, verb });
  return (
    <>
      {asking && <Sure of={asking.of} verb={asking.verb} close={() => ask(null)} />}
      {waiting.length > 0 && (
        <Section title="Changes that wait" aside={<span class="count-note">{waiting.length}</span>}>
          <ul class="cards">{waiting.map((one) => <One key={one.id} of={one} again={again} ask={asked(one)} />)}</ul>
        </Section>
      )}
      {others.length > 0 && (
        <details class="section past-changes">
          <summary>Changes before</summary>
          <ul class="cards">{others.map((one) => <One key={one.id} of={one} again={again} ask={asked(one)} />)}</ul>
        </details>
      )}
    </>
  );
}

function One({ of, again, ask }: { of: Change; again(of: Change): void; ask(verb: Verb): void }) {
  const { kind, detector, ruleId } = of.ask;
  const ended = of.status === "outdated" || of.status === "failed";
  return (
    <li class="card change" data-status={isWaiting(of) ? "pending" : of.status}>
      <span class="card-title">{DOES[kind]} <Text of={ruleId} /></span>
      <State of={of.status} />
      <span class="card-by">{detector}, by <Text of={of.author} />, <Ago at={of.createdAt} /> ago</span>
      <p class="reason"><Text of={of.reason} /></p>
      {of.evidence && <p class="hint">{tried(of)}</p>}
      {isWaiting(of)
        ? <Diff of={of.diff} />
        : <details><summary>What changes<span class="sr"> in {ruleId}</span></summary><Diff of={of.diff} /></details>}
      {of.decision && <p class="hint">{of.status === "withdrawn" ? "Taken back" : of.status === "refused" ? "Refused" : "Approved"} by <Text of={of.decision.by} />, <Ago at={of.decision.at} /> ago{of.decision.reason && <>: <Text of={of.decision.reason} /></>}</p>}
      {of.outcome && <p class={ended ? "trouble" : "hint"}><Text of={of.outcome} /></p>}
      {of.status === "outdated" && !of.outcome && <p class="trouble">The file was changed since: propose it again.</p>}
      {isWaiting(of) && <Decide of={of} ask={ask} />}
      {ended && kind !== "remove" && <div class="deeds"><button type="button" class="button small" onClick={() => again(of)}>Propose again<span class="sr"> {ruleId}</span></button></div>}
    </li>
  );
}

function tried(of: Change): string {
  const { tests, incidents, lines, matched } = of.evidence ?? { tests: 0, incidents: 0, lines: 0, matched: 0 };
  const own = tests === 0 ? "It has no tests of its own." : `Its ${tests} tests pass.`;
  return `${own} It matches ${matched} of ${lines} stored lines (${incidents} incidents were looked at).`;
}

function Decide({ of, ask }: { of: Change; ask(verb: Verb): void }) {
  const not = whyNot(of);
  const mine = now().who?.subject === of.author;
  const name = <span class="sr"> the change of {visible(of.ask.ruleId)}</span>;
  const back = async (): Promise<void> => {
    await decide(of, "withdraw", "").catch((error: unknown) => toast(error instanceof Error ? error.message : "that did not work", "bad"));
    await readChanges().catch(() => undefined);
  };
  return (
    <div class="deeds">
      <button type="button" class="button approve" disabled={!!not} onClick={() => ask("approve")}>Approve{name}</button>
      <button type="button" class="button" disabled={!!not} onClick={() => ask("refuse")}>Refuse{name}</button>
      {mine && <Do kind="plain" run={back}>Take back{name}</Do>}
      {not && <span class="hint">{not}</span>}
    </div>
  );
}

/** The question before a decision. It stays when somebody else decides meanwhile: the server says so. */
function Sure({ of, verb, close }: { of: Change; verb: Verb; close(): void }) {
  const [reason, say] = useState("");
  const isYes = verb === "approve";
  const run = async () => {
    const done = await decide(of, verb, reason);
    if ("message" in done) return <p><Text of={done.message} />.</p>;
    return isYes ? <p>It is in the file, and in use.{done.outcome && <> But <Text of={done.outcome} />.</>}</p> : <p>Nothing is changed.</p>;
  };
  const end = (): void => {
    close();
    void readChanges().catch(() => undefined);
  };
  return (
    <Ask title={isYes ? "Write this into the configuration?" : "Refuse this change?"} doing={isYes ? "Approve and apply" : "Refuse"} run={run} close={end}>
      <Diff of={of.diff} />
      {isYes && <p class="hint">The whole file is read then: what else was changed in it by hand comes into use as well.</p>}
      <label class="said">Your reason, if you like<input value={reason} maxLength={2_000} autocomplete="off" onInput={(event) => say(event.currentTarget.value)} /></label>
    </Ask>
  );
}
