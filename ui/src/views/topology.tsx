// Who hears whom: a drawing for wide screens, and the same as a list for narrow ones and for whoever does not see it.

import { useEffect, useMemo, useState } from "preact/hooks";

import { BOX, around, layout, way } from "../layout";
import { readTopology, type Topology } from "../plant";
import { Empty, Section } from "./parts";

/** How often the drawing is looked at again, in milliseconds. */
const LOOK = 15_000;

export function TopologyView() {
  const [topology, set] = useState<Topology | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    const read = (): void => void readTopology().then(set, (error: unknown) => setTrouble(error instanceof Error ? error.message : ""));
    read();
    const timer = setInterval(read, LOOK);
    return () => clearInterval(timer);
  }, []);
  const [chosen, choose] = useState<string | null>(null);
  if (!topology) return <Section title="Who hears whom"><Empty title={trouble || "Reading…"} /></Section>;
  return (
    <Section title="Who hears whom">
      <Drawing of={topology} chosen={chosen} choose={choose} />
      {chosen && <div class="around" role="status"><Around of={topology} id={chosen} /></div>}
      <Listed of={topology} />
    </Section>
  );
}

function Drawing({ of, chosen, choose }: { of: Topology; chosen: string | null; choose(id: string | null): void }) {
  const laid = useMemo(() => layout(of.nodes), [of]);
  const [over, point] = useState<string | null>(null);
  const lit = over ?? chosen;
  const { placed, heads, width, height } = laid;
  const near = useMemo(() => new Set(of.edges.filter((one) => one.from === lit || one.to === lit).flatMap((one) => [one.from, one.to])), [of, lit]);
  return (
    <div class="topology" tabIndex={0} role="group" aria-label="Drawing of the modules, scrollable">
      <svg viewBox={`-2 0 ${width + 36} ${height}`} width={width + 36} height={height} data-lit={lit !== null || undefined}>
        <g aria-hidden="true">
          {heads.map((one) => <text class="head" x={one.x} y={16}>{one.title}</text>)}
          {of.edges.map((one) => {
            const [from, to] = [placed.get(one.from), placed.get(one.to)];
            if (!from || !to) return null;
            return <path key={`${one.from} ${one.to}`} class="edge" data-near={one.from === lit || one.to === lit || undefined} d={way(from, to)} />;
          })}
        </g>
        {[...placed.values()].map(({ node, x, y }) => {
          const toggle = (): void => choose(chosen === node.id ? null : node.id);
          return (
            <g key={node.id} class="node" data-status={node.status} data-near={near.has(node.id) || undefined} tabindex={0} role="button"
              aria-pressed={chosen === node.id} aria-label={`${node.id}, ${node.status}`}
              onClick={toggle} onPointerEnter={() => point(node.id)} onPointerLeave={() => point(null)}
              onKeyDown={(event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); } }}>
              <rect x={x} y={y} width={BOX.width} height={BOX.height} rx={6} />
              <text x={x + 12} y={y + BOX.height / 2 + 4}>{node.id}</text>
              {node.status !== "healthy" && <text class="sign" x={x + BOX.width - 18} y={y + BOX.height / 2 + 5}>!</text>}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

function Around({ of, id }: { of: Topology; id: string }) {
  const { hears, heard } = around(of, id);
  const row = ([other, types]: [string, string[]]) => <li key={other}><b>{other}</b> <span class="hint">{types.join(", ")}</span></li>;
  return (
    <>
      <h3>{id}</h3>
      <p>{of.nodes.find((one) => one.id === id)?.description}</p>
      {hears.length > 0 && <><p>hears</p><ul>{hears.map(row)}</ul></>}
      {heard.length > 0 && <><p>is heard by</p><ul>{heard.map(row)}</ul></>}
      {!hears.length && !heard.length && <p>It hears nobody, and nobody hears it.</p>}
    </>
  );
}

function Listed({ of }: { of: Topology }) {
  const [narrow] = useState(() => matchMedia("(max-width: 720px)").matches);
  return (
    <details class="topology-list" open={narrow}>
      <summary>As a list</summary>
      <ul>{of.nodes.map((one) => <li key={one.id}><Around of={of} id={one.id} /></li>)}</ul>
    </details>
  );
}
