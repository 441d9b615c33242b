import { useEffect, useState } from "preact/hooks";

import * as api from "../api";
import { readLetters, readModules } from "../data";
import { mayWork } from "../deeds";
import { KINDS } from "../layout";
import { changes, readSources, reload, type Source } from "../plant";
import { toast, useStore } from "../store";
import type { DeadLetter } from "../types";
import { Ask } from "./ask";
import { Deliveries } from "./deliveries";
import { Module } from "./module";
import { Ago, Do, Empty, Link, Section, Text } from "./parts";
import { TopologyView } from "./topology";

/** How often what flows is looked at, in milliseconds. */
const LOOK = 5_000;

/** How every module is, and what it reads. */
export function Sources() {
  const modules = useStore((state) => state.modules);
  const letters = useStore((state) => state.letters);
  const isAdmin = useStore((state) => state.who?.role === "admin");
  const [flows, setFlows] = useState<Source[]>([]);
  const [asking, ask] = useState(false);
  useEffect(() => {
    const look = (): void => void Promise.all([readSources().then(setFlows), readModules()]).catch(() => undefined);
    look();
    readLetters().catch(() => undefined);
    const timer = setInterval(() => { if (!document.hidden) look(); }, LOOK);
    return () => clearInterval(timer);
  }, []);
  return (
    <div class="page" tabIndex={0}>
      <header class="page-head">
        <h1>Sources and modules</h1>
        {isAdmin && (
          <span class="deeds">
            <Link to="/setup" class="button">Set up</Link>
            <button type="button" class="button" onClick={() => ask(true)}>Read the configuration again</button>
          </span>
        )}
      </header>
      {asking && <Reload close={() => { ask(false); readModules().catch(() => undefined); }} />}
      {!modules.length && <Empty title="Reading…" />}
      {letters.length > 0 && (
        <Section title="Given up" aside={<span class="count-note">{letters.length}</span>}>
          <p class="lead">These events could not be handled by the module named, which has stopped trying.</p>
          <ul class="cards">{letters.slice(0, 50).map((one) => <Letter key={one.id} of={one} />)}</ul>
        </Section>
      )}
      {KINDS.map(([category, title]) => {
        const some = modules.filter((one) => one.category === category);
        if (!some.length) return null;
        return (
          <Section key={category} title={title}>
            <ul class="modules">{some.map((one) => <Module key={one.id} of={one} source={flows.find((flow) => flow.id === one.id)} />)}</ul>
          </Section>
        );
      })}
      <Deliveries />
      <TopologyView />
    </div>
  );
}

function Reload({ close }: { close(): void }) {
  const run = async () => <ul class="plain">{changes(await reload()).map((line) => <li><Text of={line} /></li>)}</ul>;
  return (
    <Ask title="Read the configuration again?" doing="Read it" close={close} run={run}>
      <p>The file is checked whole first; a fault changes nothing. Only modules whose part changed start again.</p>
    </Ask>
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
