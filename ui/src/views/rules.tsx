// The rules of every detector: what they look for, how often they matched, and trying one; for administrators, changing them.

import { useEffect, useState } from "preact/hooks";

import { mayAdminister, readText, type Wish } from "../changes";
import { mayWork } from "../deeds";
import { readRules, type Rule, type RuleList } from "../rules";
import { toast, useStore } from "../store";
import { brief, words } from "../text";
import { Changes } from "./changes";
import { Editor } from "./editor";
import { Ago, Do, Empty, FactList, Mark, Section, Text } from "./parts";
import { sample, Tester } from "./tester";

/** How often the counts are looked at, in milliseconds. */
const LOOK = 10_000;

export function Rules() {
  useStore((state) => state.who);
  const [list, set] = useState<RuleList | null>(null);
  const [trouble, setTrouble] = useState("");
  const [chosen, choose] = useState<Rule | null>(null);
  const [{ wish, turn }, write] = useState<{ wish: Wish | null; turn: number }>({ wish: null, turn: 0 });
  useEffect(() => {
    const look = (): void => void readRules().then(set, (error: unknown) => setTrouble(error instanceof Error ? error.message : "they cannot be read"));
    look();
    const timer = setInterval(() => { if (!document.hidden) look(); }, LOOK);
    return () => clearInterval(timer);
  }, []);
  const rules = list?.rules;
  const detectors = list?.detectors ?? [];
  const jump = (field: string): void => {
    document.querySelector("#try")?.scrollIntoView();
    document.querySelector<HTMLElement>(field)?.focus({ preventScroll: true });
  };
  const take = (rule: Rule): void => {
    choose(rule);
    jump("#try-lines");
  };
  const open = (made: Wish): void => {
    // The same again keeps what was typed; anything else begins anew.
    write((before) => (JSON.stringify(before.wish) === JSON.stringify(made) ? before : { wish: made, turn: before.turn + 1 }));
    requestAnimationFrame(() => requestAnimationFrame(() => {
      document.querySelector("#editor")?.scrollIntoView({ block: "center" });
      document.querySelector<HTMLElement>(made.kind === "remove" ? "#edit-reason" : "#edit-rule")?.focus({ preventScroll: true });
    }));
  };
  const edit = async ({ detector, id }: Rule): Promise<void> => {
    try {
      open({ kind: "edit", detector, id, rule: await readText(detector, id) });
    } catch (error) {
      toast(error instanceof Error ? error.message : "the rule cannot be read", "bad");
    }
  };
  const remove = ({ detector, id }: Rule): void => open({ kind: "remove", detector, id });
  return (
    <div class="page" tabIndex={0}>
      <header class="page-head">
        <h1>Rules</h1>
        <div class="deeds">
          {rules && mayWork() && <button type="button" class="button" onClick={() => { choose(null); jump("#try-rule"); }}>Try a rule</button>}
        </div>
      </header>
      {!rules && <Empty title={trouble || "Reading…"} />}
      {wish && <Editor key={turn} wish={wish} close={() => write({ wish: null, turn })} />}
      {rules && mayWork() && <Changes again={(of) => open({ kind: of.ask.kind, detector: of.ask.detector, ...(of.ask.kind !== "add" && { id: of.ask.ruleId }), rule: of.ask.rule ?? "" })} />}
      {detectors.map((detector) => {
        const some = (rules ?? []).filter((one) => one.detector === detector);
        const count = <span class="count-note">{some.length}{some.length === 0 || some[0]?.running ? "" : ", not running"}</span>;
        const add = mayAdminister() && <button type="button" class="button small" onClick={() => open({ kind: "add", detector, rule: sample(detector) })}>New rule<span class="sr"> of {detector}</span></button>;
        return (
          <Section key={detector} title={detector} aside={<div class="deeds">{count}{add}</div>}>
            {some.length === 0 && <p class="hint">It has no rules.</p>}
            <ul class="rules">{some.map((one) => <One key={one.id} of={one} take={take} edit={edit} remove={remove} />)}</ul>
          </Section>
        );
      })}
      {rules && mayWork() && <Tester detectors={detectors} chosen={chosen} choose={choose} />}
    </div>
  );
}

interface Hands {
  of: Rule;
  take(rule: Rule): void;
  edit(rule: Rule): Promise<void>;
  remove(rule: Rule): void;
}

function One({ of, take, edit, remove }: Hands) {
  return (
    <li class="rule" data-off={!of.enabled || !of.running || undefined}>
      <div class="rule-head">
        <Mark of={of.severity} />
        <b><Text of={of.id} /></b>
        {!of.enabled && <span class="state">off</span>}
        <span class="matched">{of.matched ? <><b>{brief(of.matched.matches)}</b> {of.matched.matches === 1 ? "match" : "matches"}, last <Ago at={of.matched.lastMatchAt} /> ago</> : "no match yet"}</span>
        {mayWork() && <button type="button" class="button small" onClick={() => take(of)}>Try<span class="sr"> {of.id}</span></button>}
        {mayAdminister() && <Do kind="small" run={() => edit(of)}>Edit<span class="sr"> {of.id}</span></Do>}
        {mayAdminister() && <button type="button" class="button small plain" onClick={() => remove(of)}>Remove<span class="sr"> {of.id}</span></button>}
      </div>
      <p><Text of={of.title} /></p>
      {Object.entries(of.patterns).map(([name, value]) => <p key={name} class="pattern"><span class="hint">{words(name)}</span> <code><Text of={brief(value)} /></code></p>)}
      {Object.keys(of.limits).length > 0 && (
        <details><summary>Limits<span class="sr"> of {of.id}</span></summary><FactList of={Object.entries(of.limits).map(([name, value]) => [words(name), <Text of={brief(value)} />])} /></details>
      )}
    </li>
  );
}
