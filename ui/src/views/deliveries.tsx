// What was sent to which channel, and what became of it.

import { useEffect, useState } from "preact/hooks";

import { readDeliveries, type Delivery } from "../plant";
import { useStore } from "../store";
import { Ago, Link, Section, Text } from "./parts";

/** How often it is looked at, in milliseconds. */
const LOOK = 10_000;

export function Deliveries() {
  const [some, set] = useState<Delivery[]>([]);
  useEffect(() => {
    const look = (): void => void readDeliveries().then(set, () => undefined);
    look();
    const timer = setInterval(() => { if (!document.hidden) look(); }, LOOK);
    return () => clearInterval(timer);
  }, []);
  if (!some.length) return null;
  return (
    <Section title="Sent to people">
      <div class="deliveries" tabIndex={0} role="group" aria-label="The newest deliveries, scrollable">
        <table>
          <thead><tr><th scope="col">Channel</th><th scope="col">What</th><th scope="col">Outcome</th><th scope="col">When</th></tr></thead>
          <tbody>{some.map((one) => <Row key={`${one.consumer} ${one.eventId}`} of={one} />)}</tbody>
        </table>
      </div>
    </Section>
  );
}

function Row({ of }: { of: Delivery }) {
  const id = of.correlationId ?? "";
  const isIncident = useStore((state) => state.incidents.has(id));
  return (
    <tr>
      <td><Text of={of.channel} /></td>
      <td>{isIncident ? <Link to={`/i/${encodeURIComponent(id)}`}>{of.eventType}</Link> : of.eventType}</td>
      <td>
        <span class={of.state === "sent" ? "" : "amber"}>{of.state}</span>
        {of.attempts > 1 && <span class="hint"> {of.attempts} attempts</span>}
        {of.error && <span class="hint"> <Text of={of.error} /></span>}
      </td>
      <td><Ago at={of.at} /> ago</td>
    </tr>
  );
}
