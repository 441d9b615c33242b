import { useEffect, useRef, useState } from "preact/hooks";

import * as api from "../api";
import { prove, type Proof } from "../proof";
import { go, useStore } from "../store";
import { brief, words } from "../text";
import type { AuditEntry } from "../types";
import { Do, Empty, Link, Moment, Section, Text } from "./parts";

const FIELDS = ["action", "actor", "incident"] as const;

/** Who did what, and the proof that nobody changed it. */
export function Audit() {
  const query = useStore((state) => state.query);
  const who = useStore((state) => state.who);
  const [entries, setEntries] = useState<AuditEntry[] | null>(null);
  const [cursor, setCursor] = useState("");
  const [trouble, setTrouble] = useState("");
  const given = new URLSearchParams(query);
  const form = useRef<HTMLFormElement>(null);
  const mayRead = who?.role !== "viewer" && who?.kind !== "agent";
  const read = async (after: string): Promise<void> => {
    const asked = new URLSearchParams({ limit: "100" });
    for (const field of FIELDS) if (given.get(field)) asked.set(field, given.get(field) ?? "");
    if (after) asked.set("cursor", after);
    try {
      const page = await api.get<{ entries: AuditEntry[]; nextCursor?: string }>(`/audit?${asked}`);
      setEntries((old) => (after && old ? [...old, ...page.entries] : page.entries));
      setCursor(page.nextCursor ?? "");
      setTrouble("");
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "it cannot be read");
    }
  };
  useEffect(() => {
    if (mayRead) void read("");
  }, [query, mayRead]);
  const filter = (event: Event): void => {
    event.preventDefault();
    if (!form.current) return;
    const data = new FormData(form.current);
    const next = new URLSearchParams();
    for (const field of FIELDS) if (data.get(field)) next.set(field, String(data.get(field)).trim());
    go(`/audit${next.size ? `?${next}` : ""}`);
  };
  if (!mayRead) return <div class="page" tabIndex={0}><h1>Audit</h1><Empty title="The audit log is for operators and administrators."><p>Your role is {who?.role}.</p></Empty></div>;
  return (
    <div class="page" tabIndex={0}>
      <h1>Audit</h1>
      <Verify isAdmin={who?.role === "admin" && who.kind === "human"} />
      <Section title="Entries, newest first" aside={<Do kind="small plain" run={() => read("")}>Read again</Do>}>
        <form class="filters" ref={form} onSubmit={filter}>
          {FIELDS.map((field) => <label key={field}>{field}<input name={field} type="text" spellcheck={false} defaultValue={given.get(field) ?? ""} /></label>)}
          <button type="submit" class="button">Filter</button>
        </form>
        {trouble && <p class="trouble" role="alert">{trouble}</p>}
        {entries && !entries.length && <Empty title="No entry passes this filter." />}
        {entries && entries.length > 0 && (
          <table class="audit">
            <thead><tr><th scope="col">No.</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">Did</th><th scope="col">To</th><th scope="col">More</th></tr></thead>
            <tbody>{entries.map((one) => <Row key={one.seq} of={one} />)}</tbody>
          </table>
        )}
        {cursor && <p><Do run={() => read(cursor)}>Older entries</Do></p>}
      </Section>
    </div>
  );
}

function Row({ of }: { of: AuditEntry }) {
  const more = Object.entries(of.details ?? {});
  return (
    <tr>
      <td class="number">{of.seq}</td>
      <td><Moment at={of.at} /></td>
      <td><Text of={of.actor} /></td>
      <td><code><Text of={of.action} /></code></td>
      <td>{of.correlationId ? <Link to={`/i/${encodeURIComponent(of.correlationId)}`}><Text of={of.target ?? of.correlationId} /></Link> : <Text of={of.target ?? ""} />}</td>
      <td>{more.length > 0 && <span class="more">{more.map(([key, value]) => <span>{words(key)} <b><Text of={brief(value)} /></b></span>)}</span>}</td>
    </tr>
  );
}

function Verify({ isAdmin }: { isAdmin: boolean }) {
  const [proof, setProof] = useState<Proof | null>(null);
  const [count, setCount] = useState(0);
  const [trouble, setTrouble] = useState("");
  const verify = async (): Promise<void> => {
    setProof(null);
    setTrouble("");
    setCount(0);
    try {
      if (!("subtle" in crypto)) throw new Error("this browser proves nothing over plain HTTP: use HTTPS or localhost");
      const { publicKey } = await api.get<{ publicKey: string }>("/audit/key");
      setProof(await prove(await api.lines("/audit/export"), publicKey, setCount));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "it cannot be read");
    }
  };
  return (
    <Section title="Is it genuine?">
      <p class="lead">This browser reads the whole log, computes every hash anew and checks every signature, so the server is not taken at its word. <span class="hint">To trust the key too, compare it with one you noted down earlier; docs/AUDIT.md says how.</span></p>
      <p><Do kind="primary" disabled={!isAdmin} run={verify}>Verify the log</Do>{!isAdmin && <span class="hint"> Only an administrator may read the whole log; you can read its entries below.</span>}</p>
      <div role="status">
        {!proof && !trouble && count > 0 && <p>{count.toLocaleString("en")} entries so far…</p>}
        {trouble && <p class="trouble">{trouble}</p>}
        {proof?.whole && (
          <div class="proof good">
            <p><b>The audit log is whole.</b> {proof.entries.toLocaleString("en")} entries, {proof.checkpoints} signed checkpoints{proof.signed ? "" : ", whose signatures this browser cannot check"}.</p>
            <p class="hint">Key <code>{proof.key}</code><br />Hash of the last entry <code>{proof.head.slice(0, 16)}…</code></p>
          </div>
        )}
        {proof && !proof.whole && (
          <div class="proof bad"><p><b>The audit log is not whole:</b> {proof.fault}.</p><p class="hint">{proof.entries.toLocaleString("en")} entries before it are as they were written.</p></div>
        )}
      </div>
    </Section>
  );
}
