// What would be done, exactly. Where there is something to compare it with, what differs is marked.

import type { ComponentChildren } from "preact";

import { brief } from "../text";
import type { Deed } from "../types";
import { FactList, Text } from "./parts";

type Plan = Deed["plan"];

/** The class of what differs: nothing without something to compare it with. */
type Mark = (now: unknown, before: unknown) => string;

/** With `before`, what differs from it is marked; `null` is an action that was not there. */
export function What({ deed, before, number }: { deed: Deed; before: Deed | null | undefined; number: number }) {
  const { plan } = deed;
  const was = before?.plan;
  const mark: Mark = (now, then) => (before !== undefined && JSON.stringify(now) !== JSON.stringify(then) ? "changed" : "");
  const list = (lines: string[], then: string[] | undefined): ComponentChildren =>
    <ul class="plain">{lines.map((one, at) => <li class={`${mark(one, then?.[at])} ${/\b(NOT|ALLOWED)\b/.test(one) ? "loud" : ""}`}><Text of={one} /></li>)}</ul>;
  const args = Object.entries(deed.arguments);
  const rows: [string, ComponentChildren][] = [
    ["Touches", plan.touches.length ? list(plan.touches, was?.touches) : <span class={mark(plan.touches, was?.touches)}>not known</span>],
    ["Counts as done when", <span class={mark(plan.success, was?.success)}><Text of={plan.success} /></span>],
    ["If it does not help", <span class={mark(plan.rollback, was?.rollback)}>{plan.rollback ? <Text of={plan.rollback} /> : "there is no way back; look by hand"}</span>],
  ];
  if (plan.limits?.length) rows.push(["Held by", list(plan.limits, was?.limits)]);
  if (args.length) {
    rows.push(["Arguments", (
      <ul class="plain">{args.map(([name, value]) => (
        <li class={mark(value, before?.arguments[name])}><Text of={name} />: <code><Text of={brief(value)} /></code>{deed.fromEvidence.includes(name) && <span class="tainted">from a log line</span>}</li>
      ))}</ul>
    )]);
  }
  if (deed.precondition) rows.push(["Only while", <code class={mark(deed.precondition, before?.precondition)}><Text of={deed.precondition} /></code>]);
  rows.push(["Bound to", <code title={deed.digest} class={mark(deed.digest, before?.digest)}>{deed.digest.slice(0, 12)}</code>]);
  return (
    <section class="deed" aria-label={number ? `Action ${number}` : "The action"}>
      {number > 0 && <h3>{number}. <span class={mark(deed.actionType, before?.actionType)}><Text of={deed.actionType} /></span> on <span class={mark(plan.target, was?.target)}><Text of={plan.target} /></span></h3>}
      <Effect of={plan.effect} before={was?.effect} mark={mark} />
      {deed.dryRun && <><h3>What the target says it would do</h3><pre class={`output ${mark(deed.dryRun, before?.dryRun)}`} tabIndex={0}><Text of={deed.dryRun} /></pre></>}
      <FactList of={rows} />
    </section>
  );
}

function Effect({ of, before, mark }: { of: Plan["effect"]; before: Plan["effect"] | undefined; mark: Mark }) {
  if (of.kind === "command") {
    const was = before?.kind === "command" ? before : undefined;
    return (
      <>
        <h3 class={mark([of.user, of.folder], [was?.user, was?.folder])}>Runs this program, without a shell{of.user ? <>, as <Text of={of.user} /></> : null}{of.folder ? <>, in <Text of={of.folder} /></> : null}</h3>
        <ol class="argv" start={0} aria-label="Program and arguments">{of.argv.map((one, at) => <li class={mark(one, was?.argv[at])}><code><Text of={one} /></code></li>)}</ol>
      </>
    );
  }
  if (of.kind === "request") {
    const was = before?.kind === "request" ? before : undefined;
    return (
      <>
        <h3>Sends this request</h3>
        <ol class="argv" start={0} aria-label="Request">
          <li class={mark([of.method, of.url], [was?.method, was?.url])}><code>{of.method} <Text of={of.url} /></code></li>
          {(of.headers ?? []).map((one, at) => <li class={mark(one, was?.headers?.[at])}><code><Text of={one} />: …</code></li>)}
        </ol>
        {of.body && <pre class={`output ${mark(of.body, was?.body)}`} tabIndex={0}><Text of={of.body} /></pre>}
      </>
    );
  }
  if (of.kind === "manual") {
    return <><h3>A person does this by hand</h3><p class={`manual ${mark(of, before)}`}><Text of={of.text} /></p></>;
  }
  const was = before?.kind === "steps" ? before.steps : undefined;
  return <><h3>These steps, in order</h3><ol class="argv">{of.steps.map((one, at) => <li class={mark(one, was?.[at])}><Text of={one} /></li>)}</ol></>;
}
