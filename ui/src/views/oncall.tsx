import { useEffect, useState } from "preact/hooks";

import * as api from "../api";
import { readOnCall } from "../data";
import { mayWork } from "../deeds";
import { toast, useStore } from "../store";
import { span } from "../text";
import type { OnCall as Duties, StandIn } from "../types";
import { Ago, Do, Empty, Link, Moment, Section, Text, useTick } from "./parts";

/** Who is on call, until when, who stands in, and what is being escalated. */
export function OnCall() {
  const onCall = useStore((state) => state.onCall);
  const escalations = useStore((state) => state.escalations);
  const incidents = useStore((state) => state.incidents);
  useEffect(() => void readOnCall().catch(() => undefined), []);
  const name = (id: string): string => onCall?.people.find((one) => one.id === id)?.name ?? id;
  return (
    <div class="page" tabIndex={0}>
      <h1>On call</h1>
      {!onCall && <Empty title="Reading…" />}
      {onCall && !onCall.schedules.length && (
        <Empty title="There are no schedules."><p>Schedules and people are part of the configuration, in the section of <code>action.escalation</code>.</p></Empty>
      )}
      {onCall?.schedules.map((one) => <Schedule key={one.schedule} of={one} name={name} people={onCall.people} />)}
      <Section title="Being escalated">
        {!escalations.length && <Empty title="Nothing is being escalated." />}
        <ul class="cards">
          {escalations.map((one) => {
            const incident = incidents.get(one.incidentId);
            return (
              <li key={one.incidentId} class="card">
                <Link to={`/i/${encodeURIComponent(one.incidentId)}`} class="card-title"><Text of={incident?.title ?? one.incidentId} /></Link>
                <span class="state">level {one.level}</span>
                <span class="card-by"><Text of={one.policyId} />, begun <Ago at={one.startedAt} /> ago, {one.told} told</span>
                <span class="card-when">{one.acknowledgedSince ? "taken" : one.dueAt ? <>next at <Moment at={one.dueAt} /></> : null}</span>
              </li>
            );
          })}
        </ul>
      </Section>
    </div>
  );
}

function Schedule({ of, name, people }: { of: Duties["schedules"][number]; name(id: string): string; people: Duties["people"] }) {
  const now = useTick(1_000);
  return (
    <Section title={of.schedule}>
      <p class="on-duty">
        {of.person ? <b><Text of={name(of.person)} /></b> : <b class="trouble">Nobody</b>}
        {of.until && <span> until <Moment at={of.until} /> ({span(Date.parse(of.until) - now)})</span>}
      </p>
      {of.overrides.length > 0 && (
        <table>
          <caption class="sr">Stand-ins of {of.schedule}</caption>
          <thead><tr><th scope="col">Stands in</th><th scope="col">From</th><th scope="col">Until</th><th scope="col">Why</th><th scope="col"><span class="sr">Remove</span></th></tr></thead>
          <tbody>{of.overrides.map((one) => <Override key={one.id} of={one} name={name} />)}</tbody>
        </table>
      )}
      {mayWork() && people.length > 0 && <Add schedule={of.schedule} people={people} />}
    </Section>
  );
}

function Override({ of, name }: { of: StandIn; name(id: string): string }) {
  const drop = async (): Promise<void> => {
    try {
      await api.remove(`/on-call/overrides/${encodeURIComponent(of.id)}`);
      await readOnCall();
    } catch (error) {
      toast(error instanceof Error ? error.message : "it was not removed", "bad");
    }
  };
  return (
    <tr>
      <td><Text of={name(of.person)} /></td><td><Moment at={of.from} /></td><td><Moment at={of.until} /></td>
      <td>{of.reason ? <Text of={of.reason} /> : <span class="hint">by <Text of={of.addedBy} /></span>}</td>
      <td>{of.source === "entered" && mayWork() ? <Do kind="small plain" label={`Remove the stand-in of ${name(of.person)}`} run={drop}>Remove</Do> : null}</td>
    </tr>
  );
}

const local = (at: number): string => {
  const date = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return date.toISOString().slice(0, 16);
};

function Add({ schedule, people }: { schedule: string; people: Duties["people"] }) {
  const [trouble, set] = useState("");
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const given = new FormData(form);
    const text = (key: string): string => String(given.get(key) ?? "");
    const time = (key: string): string => new Date(text(key)).toISOString();
    try {
      const body = { schedule, person: text("person"), from: time("from"), until: time("until") };
      await api.post("/on-call/overrides", text("reason") ? { ...body, reason: text("reason") } : body, api.wish());
      set("");
      form.closest("details")?.removeAttribute("open");
      await readOnCall();
    } catch (error) {
      set(error instanceof Error ? error.message : "it was not entered");
    }
  };
  const now = Date.now();
  return (
    <details class="add">
      <summary>Enter a stand-in</summary>
      <form onSubmit={(event) => void submit(event)}>
        <label>Who<select name="person">{people.map((one) => <option value={one.id}>{one.name}</option>)}</select></label>
        <label>From<input type="datetime-local" name="from" required defaultValue={local(now)} /></label>
        <label>Until<input type="datetime-local" name="until" required defaultValue={local(now + 8 * 3_600_000)} /></label>
        <label>Why<input type="text" name="reason" maxLength={500} /></label>
        <button type="submit" class="button primary">Enter</button>
        {trouble && <p class="trouble" role="alert">{trouble}</p>}
      </form>
    </details>
  );
}
