// One module: how it is, what it counts, what it was told, and its restart.

import { useState } from "preact/hooks";

import { readModules } from "../data";
import { mayWork } from "../deeds";
import { readModule, reading, restart, type ModuleDetail, type Source } from "../plant";
import { useStore } from "../store";
import { brief, words } from "../text";
import type { Json, ModuleStatus } from "../types";
import { Ask } from "./ask";
import { Ago, FactList, Text } from "./parts";

/** Figures that should be zero. */
const BAD = /drop|lost|shed|miss|fail|error|refus|dead|reject/i;

/** `source` is what a connector reads, once that is known. */
export function Module({ of, source }: { of: ModuleStatus; source: Source | undefined }) {
  useStore((state) => state.who);
  const [asking, ask] = useState(false);
  const figures = Object.entries(of.details).filter(([, value]) => typeof value !== "object");
  const isBad = (key: string, value: Json): boolean => BAD.test(key) && typeof value === "number" && value > 0;
  return (
    <li class="module" data-health={of.status} data-id={of.id}>
      <div class="module-head">
        <b>{of.id}</b>
        <span class={`health ${of.status}`}>{of.status}</span>
        {of.state !== "running" && <span class="state">{of.state}</span>}
        {of.restarts > 0 && <span class="state amber">{of.restarts} {of.restarts === 1 ? "restart" : "restarts"}</span>}
      </div>
      {of.message && <p class="trouble"><Text of={of.message} /></p>}
      {source && <Flow of={source} />}
      <dl class="figures">
        {figures.map(([key, value]) => <div key={key} class={isBad(key, value) ? "amber" : ""}><dt>{words(key)}</dt><dd><Text of={brief(value)} /></dd></div>)}
      </dl>
      <More id={of.id} />
      {mayWork() && of.id !== "core" && <button type="button" class="button small" aria-label={`Restart ${of.id}`} onClick={() => ask(true)}>Restart</button>}
      {asking && <Restart id={of.id} close={() => { ask(false); readModules().catch(() => undefined); }} />}
    </li>
  );
}

function Restart({ id, close }: { id: string; close(): void }) {
  return (
    <Ask title={`Restart ${id}?`} doing="Restart" close={close} run={async () => <p>{id}: {(await restart(id)).message}.</p>}>
      <p>It ends and starts again; the others go on meanwhile. Sources that can read again do so, and lose nothing.</p>
    </Ask>
  );
}

/** What a connector reads, how fast, how far behind, and what it lost. */
function Flow({ of }: { of: Source }) {
  const lost = of.losses.filter((one) => one.value > 0);
  const rate = of.streams.reduce((sum, one) => sum + one.recordsLastMinute, 0);
  return (
    <>
      <p class="flow">
        <b>{rate.toLocaleString("en")}</b> records in the last minute
        {of.lag.map((one) => <> · {reading(one)} <b>{brief(one.value)}</b></>)}
        {" · "}<span class={lost.length ? "amber" : ""}>{lost.length ? lost.map((one) => `${reading(one)} ${brief(one.value)}`).join(", ") : of.losses.length ? "nothing lost" : "losses are not counted"}</span>
      </p>
      {of.streams.length > 0 && (
        <div class="streams" tabIndex={0} role="group" aria-label={`Streams of ${of.id}`}>
          <table>
            <thead><tr><th scope="col">Stream</th><th scope="col">Last minute</th><th scope="col">All</th><th scope="col">Last</th></tr></thead>
            <tbody>{of.streams.map((one) => (
              <tr key={one.stream}><td><Text of={one.name} /></td><td>{brief(one.recordsLastMinute)}</td><td>{brief(one.records)}</td><td><Ago at={one.lastAt} /> ago</td></tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}

/** What is read only when somebody wants to know. */
function More({ id }: { id: string }) {
  const [detail, set] = useState<ModuleDetail | null>(null);
  const [trouble, setTrouble] = useState("");
  const read = (open: boolean): void => {
    if (open) readModule(id).then(set, (error: unknown) => setTrouble(error instanceof Error ? error.message : "it cannot be read"));
  };
  return (
    <details onToggle={(event) => read(event.currentTarget.open)}>
      <summary>More<span class="sr"> of {id}</span></summary>
      {trouble && <p class="trouble">{trouble}</p>}
      {detail && (
        <>
          <p class="hint">{detail.description} {detail.version}</p>
          <FactList of={[
            ["Needs", detail.dependencies.join(", ") || "nothing"],
            ["Hears", detail.consumes.join(", ") || "nothing"],
            ["Tells", detail.emits.join(", ") || "nothing"],
            ...detail.metrics.map((one): [string, string] => [reading(one), brief(one.value)]),
          ]} />
          <p class="hint">Configuration, without secrets:</p>
          <pre class="output" tabIndex={0} role="group" aria-label={`Configuration of ${id}`}>
            {JSON.stringify(detail.configuration, null, 2).split("\n").map((line) => <><Text of={line} />{"\n"}</>)}
          </pre>
        </>
      )}
    </details>
  );
}
