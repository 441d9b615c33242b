// The page that shows the API: the document of `openapi.json`, for people. It is no part of the dashboard's script.

import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { BASE, get, Problem } from "./api";
import { find, grouped, operations, type Document } from "./docs/document";
import { OperationView } from "./docs/operation";
import { show } from "./settings";
import { SignIn } from "./views/signin";

function Page() {
  const [document, set] = useState<Document | null>(null);
  const [trouble, setTrouble] = useState("");
  const [outside, ask] = useState(false);
  const read = (): void => {
    ask(false);
    setTrouble("");
    get<Document>("/openapi.json").then(set, (error: unknown) => {
      if (error instanceof Problem && error.status === 401) ask(true);
      else setTrouble(error instanceof Error ? error.message : "it cannot be read");
    });
  };
  useEffect(read, []);
  if (outside) return <SignIn enter={read} />;
  if (document) return <Reader of={document} />;
  return (
    <main class="docs">
      <h1>API</h1>
      {trouble ? <><p class="trouble" role="alert">{trouble}</p><p><button type="button" class="button" onClick={read}>Try again</button></p></> : <p role="status">Reading…</p>}
    </main>
  );
}

const named = (): string => decodeURIComponent(location.hash.slice(1));

function Reader({ of }: { of: Document }) {
  const [sought, seek] = useState("");
  const [wanted, want] = useState(named());
  const field = useRef<HTMLInputElement>(null);
  const all = useMemo(() => operations(of), [of]);
  const found = useMemo(() => find(of, all, sought), [of, all, sought]);
  useEffect(() => {
    const go = (): void => {
      seek("");
      want(named());
    };
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target === field.current) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("hashchange", go);
    addEventListener("keydown", press);
    return () => {
      removeEventListener("hashchange", go);
      removeEventListener("keydown", press);
    };
  }, []);
  const groups = grouped(found);
  return (
    <div class="docs">
      <a class="skip" href="#operations">Skip to the operations</a>
      <header>
        <h1>OpsPilot API <span class="hint">{of.info.version}</span></h1>
        <nav aria-label="Elsewhere"><a href="/">Dashboard</a> <a href={`${BASE}/openapi.json`}>openapi.json</a></nav>
        <label class="sr" for="search">Search operations</label>
        <input id="search" ref={field} type="search" placeholder="Search: path, word, role, error code  ( / )" value={sought} spellcheck={false} autocomplete="off"
          onInput={(event) => seek(event.currentTarget.value)} onKeyDown={(event) => { if (event.key === "Escape") seek(""); }} />
        <p class="hint" role="status">{found.length} of {all.length} operations, below <code>{of.servers[0]?.url}</code></p>
      </header>
      <div class="columns">
        <nav class="tags" aria-label="Groups">
          <ul>{groups.map(([tag, some]) => <li><a href={`#tag-${tag}`}>{tag} <span class="hint">{some.length}</span></a></li>)}</ul>
        </nav>
        <main id="operations" tabIndex={-1}>
          {groups.map(([tag, some]) => (
            <section key={tag} aria-labelledby={`tag-${tag}`}>
              <h2 id={`tag-${tag}`}>{tag}</h2>
              {some.map((one) => <OperationView key={one.operationId} document={of} of={one} sought={wanted === one.operationId} />)}
            </section>
          ))}
          {!found.length && <p class="empty">No operation has all of these words.</p>}
        </main>
      </div>
    </div>
  );
}

show();
const root = document.getElementById("app");
if (root) render(<Page />, root);
