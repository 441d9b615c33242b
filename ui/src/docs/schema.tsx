// A schema as a list of its fields. What a field refers to is drawn when somebody opens it: types may hold themselves.

import { useState } from "preact/hooks";

import { alternative, bounds, kind, parts, resolve, type Document, type Schema } from "./document";
import { Prose } from "./prose";

interface Props {
  document: Document;
  of: Schema;
}

/** The fields of what `of` stands for. */
export function Fields({ document, of }: Props) {
  const found = parts(document, of);
  if (!found) return <p class="hint">{kind(of)}</p>;
  const choices = found.oneOf ?? found.anyOf;
  return (
    <>
      {found.description && <p class="hint"><Prose of={found.description} /></p>}
      {found.allOf?.map((one) => <Fields document={document} of={one} />)}
      {choices && <Choices document={document} of={choices} />}
      {found.enum && <p><code>{kind({ enum: found.enum })}</code></p>}
      {found.properties && (
        <ul class="fields">
          {Object.entries(found.properties).map(([name, one]) => <Field key={name} name={name} document={document} of={one} required={found.required?.includes(name) ?? false} />)}
        </ul>
      )}
    </>
  );
}

function Choices({ document, of }: { document: Document; of: Schema[] }) {
  const words = of.every((one) => one.const !== undefined || one.enum);
  return (
    <ul class="fields choices">
      {of.map((one) => (words
        ? <li><code>{kind(one)}</code> {one.description && <span class="hint"><Prose of={one.description} /></span>}</li>
        : <li><Part document={document} of={one} name={alternative(one)} /></li>))}
    </ul>
  );
}

function Field({ name, document, of, required }: Props & { name: string; required: boolean }) {
  const said = of.description ?? resolve(document, of)?.description;
  return (
    <li>
      <code class="name">{name}</code> <span class="kind">{kind(of)}</span>{required && <span class="needed"> required</span>}
      {bounds(of).map((one) => <span class="hint"> · {one}</span>)}
      {said && <p class="hint"><Prose of={said} /></p>}
      {parts(document, of) && <Part document={document} of={of} name={kind(of)} />}
    </li>
  );
}

/** What is shown once it is opened. */
function Part({ document, of, name }: Props & { name: string }) {
  const [open, set] = useState(false);
  if (!parts(document, of)) return <code>{name}</code>;
  return (
    <details onToggle={(event) => set(event.currentTarget.open)}>
      <summary>{name}</summary>
      {open && <Fields document={document} of={of} />}
    </details>
  );
}
