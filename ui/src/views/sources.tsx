import { useEffect } from "preact/hooks";

import * as api from "../api";
import { readLetters, readModules } from "../data";
import { mayWork } from "../deeds";
import { toast, useStore } from "../store";
import { brief, words } from "../text";
import type { DeadLetter, Json, ModuleStatus } from "../types";
import { Ago, Do, Empty, Section, Text } from "./parts";

const GROUPS: [string, string][] = [
  ["connector", "Sources"], ["detector", "Detectors"], ["enricher", "Understanding"], ["action", "Actions"],
  ["notifier", "Telling people"], ["openclaw", "Tools"], ["ui", "Interfaces"],
];

/** Figures that should be zero. */
const BAD = /drop|lost|shed|miss|fail|error|refus|dead|reject/i;

/** How every module is. */
export function Sources() {
  const modules = useStore((state) => state.modules);
  const letters = useStore((state) => state.letters);
  useEffect(() => {
    readModules().catch(() => undefined);
    readLetters().catch(() => undefined);
  }, []);
  return (
    <div class="page" tabIndex={0}>
      <h1>Sources and modules</h1>
      {!modules.length && <Empty title="Reading…" />}
      {letters.length > 0 && (
        <Section title="Given up" aside={<span class="count-note">{letters.length}</span>}>
          <p class="lead">These events could not be handled by the module named, which has stopped trying.</p>
          <ul class="cards">{letters.slice(0, 50).map((one) => <Letter key={one.id} of={one} />)}</ul>
        </Section>
      )}
      {GROUPS.map(([category, title]) => {
        const some = modules.filter((one) => one.category === category);
        if (!some.length) return null;
        return <Section key={category} title={title}><ul class="modules">{some.map((one) => <Module key={one.id} of={one} />)}</ul></Section>;
      })}
    </div>
  );
}

function Module({ of }: { of: ModuleStatus }) {
  const figures = Object.entries(of.details).filter(([, value]) => typeof value !== "object");
  const nested = Object.entries(of.details).filter(([, value]) => value !== null && typeof value === "object");
  const isBad = (key: string, value: Json): boolean => BAD.test(key) && typeof value === "number" && value > 0;
  return (
    <li class="module" data-health={of.status}>
      <div class="module-head">
        <b>{of.id}</b>
        <span class={`health ${of.status}`}>{of.status}</span>
        {of.state !== "running" && <span class="state">{of.state}</span>}
        {of.restarts > 0 && <span class="state amber">{of.restarts} restarts</span>}
      </div>
      {of.message && <p class="trouble"><Text of={of.message} /></p>}
      <dl class="figures">
        {figures.map(([key, value]) => <div key={key} class={isBad(key, value) ? "amber" : ""}><dt>{words(key)}</dt><dd><Text of={brief(value)} /></dd></div>)}
      </dl>
      {nested.map(([key, value]) => (
        <details key={key}><summary>{words(key)} ({Object.keys(value as object).length})</summary><pre class="output" tabIndex={0}><Text of={JSON.stringify(value, null, 2).replaceAll("\n", " ")} /></pre></details>
      ))}
    </li>
  );
}

function Letter({ of }: { of: DeadLetter }) {
  const act = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
      await readLetters();
    } catch (error) {
      toast(error instanceof Error ? error.message : "that did not work", "bad");
    }
  };
  const at = `/dead-letters/${encodeURIComponent(of.id)}`;
  return (
    <li class="card">
      <span class="card-title"><Text of={of.consumer} /> <span class="hint">{of.eventType}</span></span>
      {of.retrying && <span class="state">trying again</span>}
      <span class="card-target trouble"><Text of={of.error} /></span>
      <span class="card-by">{of.attempts} attempts, <Ago at={of.failedAt} /> ago</span>
      {mayWork() && (
        <span class="card-when">
          <Do kind="small" run={() => act(() => api.post(`${at}/retry`))}>Try again</Do>
          <Do kind="small plain" run={() => act(() => api.remove(at))}>Discard</Do>
        </span>
      )}
    </li>
  );
}
