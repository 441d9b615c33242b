// The rules of every detector: what they look for, how often they matched, and trying one.

import { useEffect, useState } from "preact/hooks";

import { mayWork } from "../deeds";
import { readRules, type Rule } from "../rules";
import { useStore } from "../store";
import { brief, words } from "../text";
import { Ago, Empty, FactList, Mark, Section, Text } from "./parts";
import { Tester } from "./tester";

/** How often the counts are looked at, in milliseconds. */
const LOOK = 10_000;

export function Rules() {
  useStore((state) => state.who);
  const [rules, set] = useState<Rule[] | null>(null);
  const [trouble, setTrouble] = useState("");
  const [chosen, choose] = useState<Rule | null>(null);
  useEffect(() => {
    const look = (): void => void readRules().then(set, (error: unknown) => setTrouble(error instanceof Error ? error.message : "they cannot be read"));
    look();
    const timer = setInterval(() => { if (!document.hidden) look(); }, LOOK);
    return () => clearInterval(timer);
  }, []);
  const detectors = [...new Set((rules ?? []).map((one) => one.detector))];
  const jump = (field: string): void => {
    document.querySelector("#try")?.scrollIntoView();
    document.querySelector<HTMLElement>(field)?.focus({ preventScroll: true });
  };
  const take = (rule: Rule): void => {
    choose(rule);
    jump("#try-lines");
  };
  return (
    <div class="page" tabIndex={0}>
      <header class="page-head">
        <h1>Rules</h1>
        {rules && mayWork() && <button type="button" class="button" onClick={() => { choose(null); jump("#try-rule"); }}>Try a rule</button>}
      </header>
      {!rules && <Empty title={trouble || "Reading…"} />}
      {rules?.length === 0 && <Empty title="There is no rule."><p>Rules stand in the configuration, under <code>modules.detector.regex.rules</code>.</p></Empty>}
      {detectors.map((detector) => {
        const some = (rules ?? []).filter((one) => one.detector === detector);
        return (
          <Section key={detector} title={detector} aside={<span class="count-note">{some.length}{some[0]?.running ? "" : ", not running"}</span>}>
            <ul class="rules">{some.map((one) => <One key={one.id} of={one} take={take} />)}</ul>
          </Section>
        );
      })}
      {rules && mayWork() && <Tester detectors={detectors} chosen={chosen} choose={choose} />}
    </div>
  );
}

function One({ of, take }: { of: Rule; take(rule: Rule): void }) {
  return (
    <li class="rule" data-off={!of.enabled || !of.running || undefined}>
      <div class="rule-head">
        <Mark of={of.severity} />
        <b><Text of={of.id} /></b>
        {!of.enabled && <span class="state">off</span>}
        <span class="matched">{of.matched ? <><b>{brief(of.matched.matches)}</b> {of.matched.matches === 1 ? "match" : "matches"}, last <Ago at={of.matched.lastMatchAt} /> ago</> : "no match yet"}</span>
        {mayWork() && <button type="button" class="button small" onClick={() => take(of)}>Try<span class="sr"> {of.id}</span></button>}
      </div>
      <p><Text of={of.title} /></p>
      {Object.entries(of.patterns).map(([name, value]) => <p key={name} class="pattern"><span class="hint">{words(name)}</span> <code><Text of={brief(value)} /></code></p>)}
      {Object.keys(of.limits).length > 0 && (
        <details><summary>Limits<span class="sr"> of {of.id}</span></summary><FactList of={Object.entries(of.limits).map(([name, value]) => [words(name), <Text of={brief(value)} />])} /></details>
      )}
    </li>
  );
}
