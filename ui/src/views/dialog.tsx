// The decision: everything that will be done, exactly, before anybody says yes.

import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import * as api from "../api";
import { readProposal } from "../data";
import { digests, isGrave, isOther, left, obstacle, spoken, target } from "../decide";
import { set as store, now as state, useStore } from "../store";
import { visible, words } from "../text";
import type { Execution, Proposal } from "../types";
import { What } from "./deed";
import { Link, Moment, State, Text, useTick } from "./parts";

/** How long the button is held to approve, in milliseconds. */
const HOLD = 600;

/** How long a freshly opened dialog takes no answer: the key that opened it may still be down. */
const CALM = 400;

/** How often an open dialog looks whether somebody else decided, in milliseconds. */
const LOOK = 4_000;

const NOT_AS_SEEN = "Nothing was approved: what would be done now is not what you saw. Read what changed; if nothing is shown, its catalogue changed: deny it and let it be proposed anew.";

/** What is left until `until`, by the server's time. */
export function Countdown({ until }: { until: string }) {
  const now = useTick(1_000);
  return <span class="countdown" role="timer" aria-live="off">{left(Date.parse(until) - now)}</span>;
}

/** Says aloud at five minutes, one minute and ten seconds what is left. */
function Spoken({ until }: { until: string }) {
  const now = useTick(1_000);
  const ms = Date.parse(until) - now;
  const before = useRef(ms);
  const said = useRef("");
  const next = spoken(before.current, ms);
  if (next) said.current = next;
  before.current = ms;
  return <span class="sr" aria-live="assertive">{said.current}</span>;
}

export function Decision({ id, close }: { id: string; close(): void }) {
  const proposal = useStore((state) => state.proposals.get(id));
  const executions = useStore((state) => state.executions.get(id));
  const [missing, setMissing] = useState("");
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    readProposal(id).catch((error: unknown) => setMissing(error instanceof Error ? error.message : "it cannot be read"));
  }, [id]);
  // One of several approvals is not told of by any event.
  const isOpen = !proposal || ["pending", "approved", "executing"].includes(proposal.status);
  useEffect(() => {
    if (!isOpen) return;
    const timer = setInterval(() => void readProposal(id).catch(() => undefined), LOOK);
    return () => clearInterval(timer);
  }, [id, isOpen]);
  useLayoutEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} class="decision" aria-labelledby={title} onClose={close}
      onKeyDown={(event) => { if (event.repeat && event.key === "Enter") event.preventDefault(); }}>
      <header>
        <h2 id={title}>{proposal ? <><Text of={proposal.description || words(proposal.actionType)} /><br /><span class="on">on <Text of={target(proposal)} /></span></> : missing || "Reading…"}</h2>
        <button type="button" class="button plain" aria-label="Close without deciding" onClick={() => dialog.current?.close()}>×</button>
      </header>
      {proposal && <Body proposal={proposal} executions={executions ?? []} />}
    </dialog>
  );
}

/** What is on the screen stays there when the proposal becomes another: nobody approves what they did not read. */
function Body({ proposal, executions }: { proposal: Proposal; executions: Execution[] }) {
  const [seen, setSeen] = useState(false);
  const [shown, show] = useState(proposal);
  const [before, setBefore] = useState<Proposal | null>(null);
  const changed = isOther(shown, proposal);
  const turn = (): void => {
    setBefore(shown);
    show(proposal);
    setSeen(false);
    body.current?.scrollTo({ top: 0 });
  };
  const end = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  // What is to be done must have been in sight to its end.
  useEffect(() => {
    if (!end.current) return;
    const watch = new IntersectionObserver((found) => { if (found.some((one) => one.isIntersecting)) setSeen(true); }, { root: body.current });
    watch.observe(end.current);
    return () => watch.disconnect();
  }, [proposal.id, shown]);
  const isPending = proposal.status === "pending";
  return (
    <>
      <div class="decision-body" ref={body} tabIndex={0} role="group" aria-label="What would be done">
        {executions.map((one) => <Outcome key={one.id} execution={one} />)}
        {!isPending && !executions.length && <Ended proposal={proposal} />}
        <p class="why">
          <span>Proposed by <b><Text of={proposal.requestedBy} /></b>{proposal.askedBy ? <> for <b><Text of={proposal.askedBy} /></b></> : null} at <Moment at={proposal.requestedAt} />{proposal.incidentId ? <> for <Link to={`/i/${encodeURIComponent(proposal.incidentId)}`}>this incident</Link></> : null}.</span>
          {proposal.reasoning && <> <Text of={proposal.reasoning} /></>}
        </p>
        {before && <p class="turned" role="status">Changed since you first read it. What is different is marked.</p>}
        {shown.actions.map((deed, at) => <What key={at} deed={deed} before={before ? (before.actions[at] ?? null) : undefined} number={shown.actions.length > 1 ? at + 1 : 0} />)}
        <div ref={end} class="seen-mark" />
        <Approvers proposal={proposal} />
      </div>
      {isPending && changed && (
        <p class="turned" role="alert">
          What would be done is not what you read any more. <button type="button" class="button small" onClick={turn}>Show what changed</button>
        </p>
      )}
      {isPending && <Answer key={digests(shown).join()} proposal={proposal} shown={shown} seen={seen} />}
    </>
  );
}

function Approvers({ proposal }: { proposal: Proposal }) {
  const { approvers, role } = proposal.policy;
  return (
    <p class="policy">
      {approvers > 1 ? `${approvers} different people must approve` : "One person must approve"}; role {role} or above, and not whoever proposed it.
      {proposal.approvals.map((one) => <><br />Approved by <b><Text of={one.by} /></b> at <Moment at={one.at} />{one.reason ? <>: <Text of={one.reason} /></> : null}.</>)}
      {proposal.status === "pending" && approvers > 1 && <> <b>{proposal.approvals.length} of {approvers}.</b></>}
    </p>
  );
}

function Answer({ proposal, shown, seen }: { proposal: Proposal; shown: Proposal; seen: boolean }) {
  const who = useStore((state) => state.who);
  const now = useTick(1_000);
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  const opened = useRef(Date.now());
  const deny = useRef<HTMLButtonElement>(null);
  const hint = useId();
  const grave = isGrave(proposal);
  const name = target(proposal);
  const why = who ? obstacle(proposal, who, now) : "You are signed out.";
  useEffect(() => deny.current?.focus(), []);

  const decide = async (verb: "approve" | "deny"): Promise<void> => {
    if (busy || Date.now() - opened.current < CALM) return;
    setBusy(true);
    setTrouble("");
    try {
      const told = await api.post<{ request: Proposal }>(`/approvals/${encodeURIComponent(proposal.id)}/${verb}`, {
        ...(reason.trim() ? { reason: reason.trim() } : {}),
        ...(verb === "approve" ? { seen: digests(shown) } : {}),
      }, api.wish());
      store({ proposals: new Map(state().proposals).set(proposal.id, told.request) });
      await readProposal(proposal.id);
    } catch (error) {
      const isOld = error instanceof api.Problem && error.code === "not-as-seen";
      setTrouble(isOld ? NOT_AS_SEEN : error instanceof Error ? error.message : "that did not work");
      readProposal(proposal.id).catch(() => undefined);
    } finally {
      setBusy(false);
    }
  };

  const changed = isOther(shown, proposal);
  const ready = !why && seen && !changed && (!grave || typed === visible(name));
  const waits = why ?? (changed ? "Read what changed first." : !seen ? "Scroll to the end of what would be done." : grave ? `Type ${visible(name)} to approve.` : "Hold the button to approve.");
  return (
    <footer class="answer">
      <Spoken until={proposal.expiresAt} />
      {trouble && <p class="trouble" role="alert">{trouble}</p>}
      <div class="answer-fields">
        <label>Reason, for the record<input type="text" value={reason} maxLength={2_000} disabled={!!why} onInput={(event) => setReason(event.currentTarget.value)} /></label>
        {grave && !why && <label>Type <b><Text of={name} /></b><input type="text" value={typed} autocomplete="off" spellcheck={false} onInput={(event) => setTyped(event.currentTarget.value)} /></label>}
      </div>
      <div class="answer-buttons">
        <p id={hint} class="hint">{waits}<br /><Countdown until={proposal.expiresAt} /> left to decide</p>
        <button type="button" class="button" ref={deny} disabled={busy} aria-disabled={why ? true : undefined} aria-describedby={hint}
          onClick={() => { if (!why) void decide("deny"); }}>Deny</button>
        {grave
          ? <button type="button" class="button approve" disabled={busy || !ready} aria-describedby={hint} onClick={() => void decide("approve")}>Approve</button>
          : <Hold disabled={busy || !ready} done={() => void decide("approve")} hint={hint}>Hold to approve</Hold>}
      </div>
    </footer>
  );
}

/** A button that works when it is held: by pointer, or by the space bar or Enter. */
function Hold({ disabled, done, hint, children }: { disabled: boolean; done(): void; hint: string; children: string }) {
  const [held, set] = useState(false);
  const timer = useRef(0);
  const let_go = (): void => {
    clearTimeout(timer.current);
    set(false);
  };
  const take = (): void => {
    if (disabled) return;
    clearTimeout(timer.current);
    set(true);
    timer.current = window.setTimeout(() => { set(false); done(); }, HOLD);
  };
  useEffect(() => let_go, []);
  useEffect(() => { if (disabled) let_go(); }, [disabled]);
  const isKey = (event: KeyboardEvent): boolean => event.key === " " || event.key === "Enter";
  return (
    <button type="button" class="button approve hold" data-held={held || undefined} disabled={disabled} aria-describedby={hint}
      onPointerDown={(event) => { if (event.button === 0) take(); }} onPointerUp={let_go} onPointerLeave={let_go} onPointerCancel={let_go}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => { if (isKey(event)) { event.preventDefault(); if (!event.repeat) take(); } }}
      onKeyUp={(event) => { if (isKey(event)) { event.preventDefault(); let_go(); } }} onBlur={let_go}>
      <span>{children}</span>
    </button>
  );
}

function Ended({ proposal }: { proposal: Proposal }) {
  const ended = proposal.ended;
  return (
    <p class={`ended ${proposal.status}`} role="status">
      <State of={proposal.status} />
      {ended ? <> by <b><Text of={ended.by} /></b> at <Moment at={ended.at} />{ended.reason ? <>: <Text of={ended.reason} /></> : null}</> : null}
      {(proposal.status === "approved" || proposal.status === "executing") && " – it begins now; the outcome appears here."}
    </p>
  );
}

const SAYS: Record<Execution["state"], string> = {
  running: "Being done…",
  verifying: "Done; whether it helped is being checked…",
  succeeded: "Done, and it helped.",
  failed: "It failed, or did not help.",
  unknown: "Nobody knows whether it was done: the server stopped in between. Check by hand; it is never done again by itself.",
};

function Outcome({ execution }: { execution: Execution }) {
  const { outcome, verdict } = execution;
  return (
    <section class={`outcome ${execution.state}`} role="status">
      <h3>{SAYS[execution.state]}</h3>
      <p>Begun <Moment at={execution.startedAt} />{execution.endedAt ? <>, over <Moment at={execution.endedAt} /></> : null}, approved by <Text of={execution.approvedBy.join(", ")} />.</p>
      {outcome && <p><Text of={outcome.summary} />{outcome.truncated ? " (output cut)" : ""}</p>}
      {outcome?.output && <pre class="output" tabIndex={0}>{outcome.output.split("\n").map((line) => <><Text of={line} />{"\n"}</>)}</pre>}
      {verdict && <p><b>{verdict.passed ? "Check passed" : "Check failed"}:</b> <Text of={verdict.detail} /></p>}
    </section>
  );
}
