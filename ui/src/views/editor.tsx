// Writing a rule: its text with the places of its faults, what it makes of lines, and proposing it.

import { useEffect, useRef, useState } from "preact/hooks";

import { Problem, type Fault } from "../api";
import { preview, propose, readChanges, type Preview, type Wish } from "../changes";
import { linesOf } from "../rules";
import { toast } from "../store";
import { visible } from "../text";
import { Diff } from "./diff";
import { Do, Section, Text } from "./parts";
import { Outcomes, useTrial } from "./tester";

interface Props {
  wish: Wish;
  close(): void;
}

export function Editor({ wish, close }: Props) {
  const [rule, setRule] = useState(wish.rule ?? "");
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const [shown, show] = useState<Preview | null>(null);
  const [trouble, setTrouble] = useState("");
  const lines = linesOf(text);
  const isEdit = wish.kind === "edit";
  const goes = wish.kind === "remove";
  const trial = useTrial(goes ? null : { detector: wish.detector, rule }, lines);
  const made: Wish = goes ? wish : { ...wish, rule };
  const fail = (error: unknown): void => setTrouble(error instanceof Error ? error.message : "that did not work");
  const typed = useRef(rule);
  typed.current = rule;
  useEffect(() => { show(null); setTrouble(""); }, [rule]);
  // What was typed meanwhile is not what comes back.
  const look = (): Promise<void> => preview(made).then((found) => { if (typed.current === rule) { show(found); setTrouble(""); } }, fail);
  useEffect(() => { if (goes) void look(); }, []);
  const send = async (): Promise<void> => {
    try {
      const change = await propose(made, reason.trim(), shown?.result ?? "");
      toast(`Proposed: ${visible(change.ask.ruleId)}. Another administrator decides.`, "good");
      await readChanges();
      close();
    } catch (error) {
      if (error instanceof Problem && error.code === "not-as-seen") {
        show(null);
        setTrouble("The file was changed meanwhile: look at what changes again.");
      } else fail(error);
    }
  };
  const failing = !goes && (!trial.tested || trial.tested.tests.some((one) => !one.passes));
  return (
    <Section title={goes ? `Remove ${visible(wish.id ?? "")}` : isEdit ? `Edit ${visible(wish.id ?? "")}` : "New rule"} aside={<button type="button" class="button small plain" onClick={close}>Close</button>}>
      <p class="lead" id="editor">Nothing changes before another administrator approves it.</p>
      {!goes && <div class="tester">
        <div>
          <label for="edit-rule">Rule of {wish.detector}, as YAML</label>
          <Numbered value={rule} faults={trial.faults} change={setRule} />
        </div>
        <div>
          <label for="edit-lines">Lines of a log, to try it on</label>
          <textarea id="edit-lines" class="code" rows={8} spellcheck={false} autocomplete="off" value={text} placeholder="Paste lines here" onInput={(event) => setText(event.currentTarget.value)} />
        </div>
      </div>}
      {trial.faults.length > 0
        ? <Faults of={trial.faults} />
        : trial.trouble && <p class="trouble faults" role="alert"><Text of={trial.trouble} /></p>}
      {trial.tested && <Outcomes of={trial.tested} lines={lines} />}
      {shown && <><h3>What changes in the file</h3><Diff of={shown.diff} /></>}
      {shown?.obstacle && <p class="trouble">The server cannot write the file: <Text of={shown.obstacle} />. Copy the rule there.</p>}
      {trouble && <p class="trouble faults" role="alert"><Text of={trouble} /></p>}
      <div class="deeds propose">
        {!goes && <Do run={look} disabled={failing}>Show what changes</Do>}
        <label class="said">Reason<input id="edit-reason" value={reason} maxLength={2_000} autocomplete="off" onInput={(event) => setReason(event.currentTarget.value)} /></label>
        <Do kind="primary" run={send} disabled={failing || !shown || !!shown.obstacle || !reason.trim()}>Propose change</Do>
      </div>
      {!failing && !shown && !trouble && <p class="hint">Look at what changes before you propose it.</p>}
    </Section>
  );
}

/** A text with numbered lines, those with faults marked. */
function Numbered({ value, faults, change }: { value: string; faults: Fault[]; change(text: string): void }) {
  const gutter = useRef<HTMLOListElement>(null);
  const bad = new Set(faults.map((one) => one.line));
  const count = value.split("\n").length;
  return (
    <div class="numbered">
      <ol ref={gutter} class="gutter" aria-hidden="true">
        {Array.from({ length: count }, (_, at) => <li key={at} data-bad={bad.has(at + 1) || undefined}>{at + 1}</li>)}
      </ol>
      <textarea id="edit-rule" class="code" rows={Math.min(30, Math.max(10, count + 1))} wrap="off" spellcheck={false} autocomplete="off" value={value}
        aria-invalid={faults.length > 0} aria-describedby={faults.length ? "edit-faults" : undefined}
        onInput={(event) => change(event.currentTarget.value)}
        onScroll={(event) => { if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop; }} />
    </div>
  );
}

/** Every fault; choosing one goes to its place. */
function Faults({ of }: { of: Fault[] }) {
  const jump = (fault: Fault): void => {
    const field = document.querySelector<HTMLTextAreaElement>("#edit-rule");
    if (!field || !fault.line) return;
    const before = field.value.split("\n").slice(0, fault.line - 1).join("\n").length;
    const at = before + (fault.line > 1 ? 1 : 0) + (fault.column ?? 1) - 1;
    field.focus();
    field.setSelectionRange(at, at);
  };
  return (
    <ul id="edit-faults" class="fault-list" role="alert">
      {of.map((one, at) => (
        <li key={at} class="trouble">
          {one.line && <button type="button" class="button small" onClick={() => jump(one)}>line {one.line}</button>} <Text of={one.message} />{one.help && <span class="hint"> <Text of={one.help} /></span>}
        </li>
      ))}
    </ul>
  );
}
