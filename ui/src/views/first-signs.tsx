// After a configuration was saved: what is read now, and the first incident.

import { useEffect, useState } from "preact/hooks";

import { readSources, type Source } from "../plant";
import { useStore } from "../store";
import { Ago, Link, Text } from "./parts";

/** How often is looked, in milliseconds. */
const LOOK = 2_000;

export function FirstSigns() {
  const [sources, set] = useState<Source[]>([]);
  const [since] = useState(Date.now());
  const incidents = useStore((state) => state.incidents);
  const skew = useStore((state) => state.skew);
  useEffect(() => {
    const look = (): void => void readSources().then(set, () => undefined);
    look();
    const timer = setInterval(() => { if (!document.hidden) look(); }, LOOK);
    return () => clearInterval(timer);
  }, []);
  const streams = sources.flatMap((one) => one.streams.map((stream) => ({ ...stream, source: one.id })));
  const read = streams.filter((one) => one.records > 0);
  const first = [...incidents.values()].filter((one) => Date.parse(one.createdAt) >= since + skew - LOOK).sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))[0];
  const broken = sources.filter((one) => one.status !== "healthy");
  return (
    <ul class="signs">
      {broken.map((one) => <li key={one.id} class="trouble">{one.id} is {one.status}{one.message ? <>: <Text of={one.message} /></> : null}</li>)}
      <li>{read.length ? <>First lines: {read.slice(0, 3).map((one) => <span key={one.stream}><Text of={one.name} /> ({one.records}, last <Ago at={one.lastAt} /> ago) </span>)}</> : "Waiting for the first line…"}</li>
      <li>{first ? <>First incident: <Link to={`/i/${encodeURIComponent(first.id)}`}><Text of={first.title} /></Link></> : "Waiting for the first incident…"}</li>
    </ul>
  );
}
