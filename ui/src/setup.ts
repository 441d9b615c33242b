// Setting the server up: what may be chosen, and what the server says of it. Pure.

import type { DiffLine } from "./diff";
import type { AuditEntry, Facts, Json } from "./types";

export interface Offer {
  name: string;
  note?: string;
  options: Facts;
}

export interface SourceKind {
  id: string;
  description: string;
  running: boolean;
  offers: Offer[];
}

export interface Item {
  id: string;
  label: string;
  impact: "critical" | "high" | "medium";
  done: boolean;
  wayOut?: string;
}

export interface Readiness {
  percent: number;
  ready: boolean;
  items: Item[];
}

export interface ConfigFile {
  path: string;
  digest: string | null;
  obstacle?: string;
}

export interface Setup {
  file: ConfigFile;
  readiness: Readiness;
  sources: SourceKind[];
}

export interface Fault {
  line?: number;
  key: string;
  message: string;
  help?: string;
}

export interface Preview {
  file: ConfigFile;
  diff: DiffLine[];
  ok: boolean;
  faults: Fault[];
  warnings: Fault[];
  modules: string[];
  readiness: Readiness;
}

export interface Tried {
  ok: boolean;
  faults: Fault[];
  trials: { module: string; name: string; ok: boolean; fault?: string; note?: string }[];
}

/** A key that somebody fills in. */
export interface Field {
  key: string;
  label: string;
  kind: "lines" | "text" | "number" | "secret" | "urls";
  hint?: string;
  usual?: string;
}

/** What stands where the server does not show a value. */
const REDACTED = "[redacted]";

/** The few keys of each source: the server takes these and no others. Sources that need more are set up in the file. */
export const SOURCES: Record<string, Field[]> = {
  "connector.fileTail": [{ key: "paths", label: "Files", kind: "lines", hint: "one a line; * and ** stand for any names" }],
  "connector.journald": [{ key: "units", label: "Units", kind: "lines", hint: "one a line, such as nginx.service; none: all" }],
  "connector.syslog": [
    { key: "protocol", label: "Protocol", kind: "text", usual: "udp", hint: "udp or tcp" },
    { key: "host", label: "Address", kind: "text", usual: "127.0.0.1", hint: "127.0.0.1 is this machine alone" },
    { key: "port", label: "Port", kind: "number", usual: "1514" },
  ],
  "connector.kubernetes": [
    { key: "namespace", label: "Namespace", kind: "text", hint: "empty: all; outside of the cluster, kubeconfig is written into the file by hand" },
  ],
  "connector.metrics": [],
  "connector.healthCheck": [{ key: "endpoints", label: "Addresses", kind: "urls", hint: "one a line, such as https://shop.example/health or tcp://10.0.0.7:5432" }],
};

/** The few keys of each type of channel. */
export const CHANNELS: Record<string, { says: string; fields: Field[] }> = {
  console: { says: "Lines on the server's standard output", fields: [] },
  file: { says: "Lines of JSON in a file", fields: [{ key: "path", label: "File", kind: "text", usual: "./notifications.jsonl", hint: "a new file, or one that ends in .jsonl" }] },
  webhook: { says: "HTTP requests to another program", fields: [{ key: "webhookUrl", label: "Address", kind: "secret", usual: "${OPS_WEBHOOK_URL}", hint: "${NAME}, a variable of the server that holds it; never the address itself" }] },
};

export type Filled = Record<string, string>;

/** A source that somebody chose: what they filled in, and what the configuration says of it already, if it does. */
export interface Chosen {
  filled: Filled;
  kept: Facts | null;
}

export interface Channel {
  id: string;
  type: string;
  filled: Filled;
}

/** What is sent: the same for a trial, a preview and saving. */
export interface Wish {
  sources: Record<string, Facts>;
  channels: Facts[];
}

const linesOf = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter(Boolean);

const urlsOf = (kept: Json | undefined): { id: string; name: string; url: string }[] => (Array.isArray(kept) ? (kept as Facts[]).map((one) => ({ id: String(one.id), name: String(one.name), url: String(one.url) })) : []);

/** Endpoints: those that are there keep their ids and names. */
function endpoints(text: string, kept: Json | undefined): Json {
  const old = urlsOf(kept);
  const taken = new Set(old.map((one) => one.id));
  let count = 0;
  const fresh = (): string => {
    do count += 1; while (taken.has(`endpoint-${count}`));
    return `endpoint-${count}`;
  };
  // Each is taken once: two may ask the same address.
  const left = [...old];
  const known = (url: string): Json | undefined => {
    const at = left.findIndex((one) => one.url === url);
    return at < 0 ? undefined : left.splice(at, 1)[0];
  };
  return linesOf(text).map((url) => known(url) ?? { id: fresh(), name: url, url });
}

function value(field: Field, text: string, kept?: Json): Json | undefined {
  const trimmed = text.trim();
  if (field.kind === "lines") return linesOf(text);
  if (field.kind === "urls") return endpoints(text, kept);
  // What the file says is only replaced by something: what is empty is sent, and refused.
  if (!trimmed) return kept === undefined ? undefined : "";
  return field.kind === "number" && /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** What was filled in, as options. What was left empty is left out. */
export function options(fields: Field[], filled: Filled): Facts {
  const pairs = fields.map((field): [string, Json | undefined] => [field.key, value(field, filled[field.key] ?? field.usual ?? "")]);
  return Object.fromEntries(pairs.filter((pair): pair is [string, Json] => pair[1] !== undefined && !(Array.isArray(pair[1]) && !pair[1].length && pair[0] === "units")));
}

/** What the configuration says of a field, as it would be filled in; nothing where it says nothing. */
function keptText(field: Field, kept: Facts): string {
  const said = kept[field.key];
  if (said === undefined || said === null) return "";
  if (field.kind === "urls") return urlsOf(said).map((one) => one.url).join("\n");
  return Array.isArray(said) ? said.map(String).join("\n") : String(said);
}

/** What a field shows. */
export const given = (field: Field, { filled, kept }: Chosen): string => filled[field.key] ?? (kept ? keptText(field, kept) : field.usual ?? "");

/** Why a field cannot be changed here: the file says more of it than the form can show. */
export function locked(field: Field, { kept }: Chosen): string {
  const said = kept?.[field.key];
  if (said === undefined || said === null) return "";
  const plain = new Set(["id", "name", "url"]);
  const more = field.kind === "urls" && (!Array.isArray(said) || said.some((one) => Object.keys((one ?? {}) as Facts).some((key) => !plain.has(key))));
  return more || JSON.stringify(said).includes(REDACTED) ? "the file says more of this than the form can show: change it there" : "";
}

/** The options that differ from what the configuration says; for a new source, all of them. */
export function sourceOptions(id: string, chosen: Chosen): Facts {
  const fields = SOURCES[id] ?? [];
  const { filled, kept } = chosen;
  if (!kept) return options(fields, filled);
  const changed = fields.filter((field) => filled[field.key] !== undefined && filled[field.key] !== keptText(field, kept) && !locked(field, chosen));
  const pairs = changed.map((field): [string, Json | undefined] => [field.key, value(field, filled[field.key] ?? "", kept[field.key])]);
  return Object.fromEntries(pairs.filter((pair): pair is [string, Json] => pair[1] !== undefined));
}

export const channelOptions = (one: Channel): Facts => ({
  id: one.id, type: one.type, events: ["incident.created"], ...options(CHANNELS[one.type]?.fields ?? [], one.filled),
});

export const wishOf = (sources: Record<string, Chosen>, channels: Channel[]): Wish => ({
  sources: Object.fromEntries(Object.entries(sources).map(([id, chosen]) => [id, sourceOptions(id, chosen)])),
  channels: channels.map(channelOptions),
});

/** An id that no other channel here has. */
export function fresh(type: string, channels: Channel[]): string {
  for (let count = 1; ; count += 1) {
    const id = count === 1 ? type : `${type}-${count}`;
    if (!channels.some((one) => one.id === id)) return id;
  }
}

/** What an offer fills in, beside what is there already. */
export function take(fields: Field[], chosen: Chosen, offer: Offer): Chosen {
  const filled = { ...chosen.filled };
  for (const field of fields) {
    const found = offer.options[field.key];
    if (found === undefined || found === null || locked(field, chosen)) continue;
    if (!Array.isArray(found)) filled[field.key] = String(found);
    else filled[field.key] = [...new Set([...linesOf(given(field, chosen)), ...found.map(String)])].join("\n");
  }
  return { ...chosen, filled };
}

/** Whether everything that an offer gives is filled in. */
export function taken(fields: Field[], chosen: Chosen | undefined, offer: Offer): boolean {
  if (!chosen) return false;
  const next = take(fields, chosen, offer);
  return fields.every((field) => linesOf(given(field, next)).join("\n") === linesOf(given(field, chosen)).join("\n"));
}

/** The answer to a question, or `null` if it is not the question any more when the answer comes. */
export async function ifStill<T>(question: () => string, ask: () => Promise<T>): Promise<T | null> {
  const asked = question();
  try {
    const answer = await ask();
    return question() === asked ? answer : null;
  } catch (error) {
    if (question() === asked) throw error;
    return null;
  }
}

/** What became of a file after the audit entry `before`: `null` while nobody knows, else why it is not in use, if so. */
export function outcome(entries: AuditEntry[], before: number): { reason: string } | null {
  const found = entries.find((one) => one.seq > before && (one.action === "config.replaced" || one.action === "config.notReplaced"));
  if (!found) return null;
  return { reason: found.action === "config.replaced" ? "" : String(found.details?.reason ?? "the server refused it") };
}

export const said = (fault: Fault): string => `${fault.line ? `line ${fault.line}: ` : ""}${fault.key ? `${fault.key}: ` : ""}${fault.message}${fault.help ? `; ${fault.help}` : ""}`;
