// Tries a rule against lines that somebody pastes, as they type, and against the evidence of stored incidents.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { Problem, type Fault } from "../api";
import { dryRun, linesOf, test, type DryRun, type LineOutcome, type Rule, type Tested, type Wanted } from "../rules";
import { brief } from "../text";
import { Ago, Do, Link, Section, Text } from "./parts";

/** How long nobody types before what was typed is tried, in milliseconds. */
const REST = 400;

/** How many outcomes are shown. */
const SHOWN = 200;

const SAMPLES: Record<string, string> = {
  "detector.regex": "id: my-rule\npattern: 'disk (\\S+) is (\\d+)% full'\nseverity: warning\ntitle: Disk almost full\ndescription: $1 at $2 %\n",
  "detector.threshold": "id: my-rule\nsample: memory_usage_percent\noperator: gte\nthreshold: 90\nminSamples: 3\nwindowMs: 300000\nseverity: warning\ntitle: Memory almost full\n",
};

/** A rule to begin with. */
export const sample = (detector: string): string => SAMPLES[detector] ?? "id: my-rule\n";

interface Props {
  detectors: string[];
  chosen: Rule | null;
  choose(rule: Rule | null): void;
}

export function Tester({ detectors, chosen, choose }: Props) {
  const [detector, setDetector] = useState(detectors[0] ?? "detector.regex");
  const [rule, setRule] = useState(sample(detector));
  const pick = (next: string): void => {
    if (rule === sample(detector)) setRule(sample(next));
    setDetector(next);
  };
  const [text, setText] = useState("");
  const [stored, setStored] = useState<DryRun | null>(null);
  const [failure, setFailure] = useState("");
  const lines = linesOf(text);
  const wanted: Wanted = chosen ? { detector: chosen.detector, id: chosen.id } : { detector, rule };
  const key = JSON.stringify(wanted);
  const { tested, trouble } = useTrial(wanted, lines);
  useEffect(() => { setStored(null); setFailure(""); }, [key]);
  const run = async (): Promise<void> => {
    try {
      setStored(await dryRun(wanted));
      setFailure("");
    } catch (error) {
      setFailure(error instanceof Error ? error.message : "that did not work");
    }
  };
  return (
    <Section title="Try a rule">
      <p class="lead" id="try">Nothing is counted, and no incident comes of it.</p>
      <div class="tester">
        <div class="tester-rule">
          {chosen
            ? <p class="taken">The rule <b><Text of={chosen.id} /></b> of {chosen.detector}. <button type="button" class="button small" onClick={() => choose(null)}>Write one instead</button></p>
            : <>
              {detectors.length > 1 && <label>For<select value={detector} onChange={(event) => pick(event.currentTarget.value)}>{detectors.map((one) => <option value={one}>{one}</option>)}</select></label>}
              <label for="try-rule">Rule, as YAML</label>
              <textarea id="try-rule" class="code" rows={8} spellcheck={false} autocomplete="off" value={rule} onInput={(event) => setRule(event.currentTarget.value)} />
            </>}
        </div>
        <div>
          <label for="try-lines">Lines of a log</label>
          <textarea id="try-lines" class="code" rows={8} spellcheck={false} autocomplete="off" value={text} placeholder="Paste lines here" onInput={(event) => setText(event.currentTarget.value)} />
        </div>
      </div>
      {(trouble || failure) && <p class="trouble faults" role="alert"><Text of={trouble || failure} /></p>}
      {tested && <Outcomes of={tested} lines={lines} />}
      <div class="deeds"><Do run={run}>Dry run over stored incidents</Do></div>
      {stored && <Stored of={stored} />}
    </Section>
  );
}

/** What a rule makes of lines, once nobody has typed for a while; nothing is tried without a rule. */
export function useTrial(wanted: Wanted | null, lines: string[]): { tested: Tested | null; trouble: string; faults: Fault[] } {
  const [tested, setTested] = useState<Tested | null>(null);
  const [error, setError] = useState<unknown>(null);
  const turn = useRef(0);
  const key = JSON.stringify([wanted, lines]);
  useEffect(() => {
    const mine = ++turn.current;
    if (!wanted) return;
    const timer = setTimeout(() => {
      const isLast = (): boolean => mine === turn.current;
      test(wanted, lines).then(
        (found) => { if (isLast()) { setTested(found); setError(null); } },
        (failed: unknown) => { if (isLast()) { setTested(null); setError(failed); } },
      );
    }, REST);
    return () => clearTimeout(timer);
  }, [key]);
  const trouble = error === null ? "" : error instanceof Error ? error.message : "that did not work";
  return { tested, trouble, faults: error instanceof Problem ? error.faults : [] };
}

export function Outcomes({ of, lines }: { of: Tested; lines: string[] }) {
  const failed = of.tests.filter((one) => !one.passes);
  return (
    <>
      <p class="outcome-count" role="status">
        {of.lines.length ? `${of.matched} of ${of.lines.length} lines match.` : "The rule is sound."}
        {of.tests.length > 0 && ` Its own tests: ${of.tests.length - failed.length} of ${of.tests.length} pass.`}
      </p>
      {failed.map((one) => <p class="trouble"><Text of={one.line} />: <Text of={one.failure ?? ""} /></p>)}
      <ol class="outcomes">
        {of.lines.slice(0, SHOWN).map((one, at) => <Tried key={at} of={one}><Text of={lines[at] ?? ""} /></Tried>)}
      </ol>
      {of.lines.length > SHOWN && <p class="hint">The first {SHOWN} are shown; all were tried.</p>}
    </>
  );
}

function Tried({ of, children }: { of: LineOutcome; children: ComponentChildren }) {
  return (
    <li data-matches={of.matches || undefined}>
      <span class="verdict">{of.matches ? "matches" : "no match"}</span>
      <code class="line">{children}</code>
      {of.title !== undefined && <span class="makes">makes <b><Text of={of.title} /></b> <span class="cause"><Text of={of.description ?? ""} /></span></span>}
      {of.value !== undefined && <span class="makes">reads {brief(of.value)}</span>}
      {of.groups && of.groups.length > 0 && <span class="makes">groups {of.groups.map((one, at) => <><code class="group">${at + 1} <Text of={one ?? "–"} /></code> </>)}</span>}
      {of.reason && <span class="makes hint"><Text of={of.reason} /></span>}
    </li>
  );
}

function Stored({ of }: { of: DryRun }) {
  return (
    <>
      <p class="outcome-count" role="status">
        {of.matched} of {of.lines} stored lines match; {of.incidents} incidents were looked at{of.complete ? ", all that there are" : `, the newest: ${of.stopped ?? "there are more"}`}.
      </p>
      <ol class="outcomes stored">
        {of.matches.map((one, at) => (
          <Tried key={at} of={one.outcome}>
            <Link to={`/i/${encodeURIComponent(one.incidentId)}`}><Text of={one.title} /></Link> <Ago at={one.detectedAt} /> ago{"\n"}<Text of={one.line} />
          </Tried>
        ))}
      </ol>
      {of.matched > of.matches.length && <p class="hint">The first {of.matches.length} are shown; all were counted.</p>}
    </>
  );
}
