// One row of the list of incidents. Rows come and go by the thousand while somebody scrolls, and a browser may keep what
// is gone for a while: nothing in a row may hold more than its own incident.

import { Component } from "preact";

import { move, mayWork } from "../deeds";
import { visible } from "../text";
import type { Incident, Proposal } from "../types";
import { Ago, Do, Link, Mark, State, Text } from "./parts";

interface Props {
  incident: Incident;
  waits: Proposal | undefined;
  search: string;
  picked: boolean;
  point(id: string): void;
  toggle(id: string): void;
}

/** Drawn again only when something of its own changed; a memo of its elements would keep the lists around their first. */
export class Row extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { incident, waits, search, picked } = this.props;
    return next.incident !== incident || next.waits !== waits || next.search !== search || next.picked !== picked;
  }

  override render({ incident, waits, search, picked, point, toggle }: Props) {
    return (
      <>
        {mayWork() && <Pick id={incident.id} title={incident.title} is={picked} toggle={toggle} />}
        <Mark of={incident.severity} />
        <Link to={`/i/${encodeURIComponent(incident.id)}${search}`} class="title" onFocus={() => point(incident.id)}>
          <b><Text of={incident.title} /></b> <span class="cause"><Text of={incident.description} /></span>
        </Link>
        {incident.occurrences > 1 ? <span class="times" title={`${incident.occurrences} signals`}>×{incident.occurrences}</span> : <span class="times" />}
        <span class="owner">{incident.assignee ? <Text of={incident.assignee} /> : ""}</span>
        <State of={incident.status} />
        <span class="when"><Ago at={incident.createdAt} /><span class="last">seen <Ago at={incident.lastSeenAt} /></span></span>
        <span class="next"><Next incident={incident} waits={waits} /></span>
      </>
    );
  }
}

function Pick({ id, title, is, toggle }: { id: string; title: string; is: boolean; toggle(id: string): void }) {
  return (
    <label class="pick">
      <input type="checkbox" checked={is} aria-label={`Select: ${visible(title)}`} onChange={() => toggle(id)} />
    </label>
  );
}

/** The one next step. */
function Next({ incident, waits }: { incident: Incident; waits: Proposal | undefined }) {
  if (waits) return <Link to={`/approvals/${encodeURIComponent(waits.id)}`} class="button small ask">Decide</Link>;
  if (!mayWork()) return null;
  const label = (verb: string): string => `${verb}: ${incident.title}`;
  if (incident.status === "open") return <Do kind="small" label={label("Acknowledge")} run={() => move(incident.id, "acknowledge")}>Acknowledge</Do>;
  if (incident.status === "acknowledged") return <Do kind="small" label={label("Resolve")} run={() => move(incident.id, "resolve")}>Resolve</Do>;
  if (incident.status === "resolved") return <Do kind="small plain" label={label("Reopen")} run={() => move(incident.id, "reopen")}>Reopen</Do>;
  return null;
}
