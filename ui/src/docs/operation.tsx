// One operation: what it takes, what it answers, and the line for a shell.

import { useEffect, useRef, useState } from "preact/hooks";

import { bounds, codes, curl, kind, resolve, type Document, type Operation, type Parameter, type Response } from "./document";
import { Prose } from "./prose";
import { Fields } from "./schema";

interface Props {
  document: Document;
  of: Operation;
  /** Whether the address names it. */
  sought: boolean;
}

export function OperationView({ document, of, sought }: Props) {
  const [open, set] = useState(sought);
  const details = useRef<HTMLDetailsElement>(null);
  useEffect(() => {
    if (!sought) return;
    set(true);
    details.current?.scrollIntoView();
    details.current?.querySelector("summary")?.focus({ preventScroll: true });
  }, [sought]);
  return (
    <details class="operation" id={of.operationId} ref={details} open={open} onToggle={(event) => set(event.currentTarget.open)}>
      <summary>
        <span class="method" data-method={of.method}>{of.method}</span>
        <code class="where">{of.path}</code>
        <span class="says">{of.summary}</span>
      </summary>
      {open && <Inside document={document} of={of} />}
    </details>
  );
}

function Inside({ document, of }: { document: Document; of: Operation }) {
  const line = curl(document, of, location.origin);
  const body = Object.entries(of.requestBody?.content ?? {});
  const answers = Object.entries(of.responses).map(([status, answer]): [string, Response] => [status, resolve(document, answer) ?? {}]);
  const good = answers.filter(([status]) => Number(status) < 400);
  return (
    <div class="inside">
      <p>
        <a href={`#${of.operationId}`}>{of.operationId}</a>
        {" "}needs <b>{of["x-role"] === "anyone" ? "nobody in particular" : of["x-role"]}</b>
        <span class="hint"> · callers: {of["x-callers"].join(", ")}</span>
      </p>
      <Shell line={line} />
      {of.parameters.length > 0 && <section><h3>Parameters</h3><ul class="fields">{of.parameters.map((one) => <ParameterView key={one.in + one.name} of={one} />)}</ul></section>}
      {body.length > 0 && (
        <section>
          <h3>Body{of.requestBody?.required ? "" : ", may be left out"}</h3>
          {body.map(([type, { schema }]) => <div key={type}><p class="hint">{type}</p>{schema && Object.keys(schema).length > 0 && <Fields document={document} of={schema} />}</div>)}
        </section>
      )}
      <section>
        <h3>Answers</h3>
        {good.map(([status, answer]) => <Answer key={status} status={status} document={document} of={answer} />)}
      </section>
      <Errors document={document} of={answers} />
    </div>
  );
}

function ParameterView({ of }: { of: Parameter }) {
  return (
    <li>
      <code class="name">{of.name}</code> <span class="kind">{kind(of.schema)}</span>
      <span class="hint"> in the {of.in}</span>{of.required && <span class="needed"> needed</span>}
      {bounds(of.schema).map((one) => <span class="hint"> · {one}</span>)}
      {of.description && <p class="hint"><Prose of={of.description} /></p>}
    </li>
  );
}

function Answer({ status, document, of }: { status: string; document: Document; of: Response }) {
  const content = Object.entries(of.content ?? {}).filter(([type]) => type !== "application/problem+json");
  const headers = Object.keys(of.headers ?? {});
  return (
    <div class="reply">
      <p><b>{status}</b> <Prose of={of.description ?? ""} /> <span class="hint">{content.map(([type, { schema }]) => (schema?.$ref ? `${type}, ${kind(schema)}` : type)).join("; ")}</span></p>
      {content.map(([type, { schema }]) => schema && type === "application/json" && <Fields key={type} document={document} of={schema} />)}
      {headers.length > 0 && <details><summary>Headers<span class="sr"> of {status}</span></summary><ul class="fields">{headers.map((name) => <li><code class="name">{name}</code> <span class="hint"><Prose of={document.components.headers[name]?.description ?? ""} /></span></li>)}</ul></details>}
    </div>
  );
}

/** Every kind of error, by status: `code` is what a program looks at. */
function Errors({ document, of }: { document: Document; of: [string, Response][] }) {
  const rows = of.flatMap(([status, answer]) => codes(document, answer).map((one) => ({ status, ...one })));
  if (!rows.length) return null;
  return (
    <section>
      <h3>Errors, as <code>application/problem+json</code></h3>
      <ul class="codes">{rows.map(({ status, code, title }) => <li key={status + code}><b>{status}</b> <code>{code}</code> <span class="hint">{title}</span></li>)}</ul>
    </section>
  );
}

/** A line to copy. Where a browser lets no page copy, it is selected. */
function Shell({ line }: { line: string }) {
  const [said, say] = useState("Copy");
  const code = useRef<HTMLElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(line);
      say("Copied");
    } catch {
      if (code.current) getSelection()?.selectAllChildren(code.current);
      say("Selected");
    }
    setTimeout(() => say("Copy"), 2_000);
  };
  return (
    <div class="shell-line">
      <code ref={code} tabIndex={0} role="textbox" aria-readonly="true" aria-label="For a shell">{line}</code>
      <button type="button" class="button small" onClick={() => void copy()}><span role="status">{said}</span></button>
    </div>
  );
}
