// Setting the server up: what may be chosen, and what the server says of it. Pure.

import type { Facts, Json } from "./types";

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

export interface DiffLine {
  change: "same" | "added" | "removed" | "gap";
  text: string;
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

const SECRET = "a reference, as ${NAME} for a variable of the server or ${file:/path}; never the secret itself";

/** The few keys of each source. Sources that need more are set up in the file. */
export const SOURCES: Record<string, Field[]> = {
  "connector.fileTail": [{ key: "paths", label: "Files", kind: "lines", hint: "one a line; * and ** stand for any names" }],
  "connector.journald": [{ key: "units", label: "Units", kind: "lines", hint: "one a line, such as nginx.service; none: all" }],
  "connector.syslog": [
    { key: "protocol", label: "Protocol", kind: "text", usual: "udp", hint: "udp or tcp" },
    { key: "host", label: "Address", kind: "text", usual: "127.0.0.1", hint: "127.0.0.1 is this machine alone" },
    { key: "port", label: "Port", kind: "number", usual: "1514" },
  ],
  "connector.kubernetes": [
    { key: "namespace", label: "Namespace", kind: "text", hint: "empty: all" },
    { key: "kubeconfig", label: "Kubeconfig file", kind: "text", hint: "empty inside of a cluster" },
  ],
  "connector.metrics": [],
  "connector.healthCheck": [{ key: "endpoints", label: "Addresses", kind: "urls", hint: "one a line, such as https://shop.example/health or tcp://10.0.0.7:5432" }],
};

/** The few keys of each type of channel. */
export const CHANNELS: Record<string, { says: string; fields: Field[] }> = {
  console: { says: "Lines on the server's standard output", fields: [] },
  file: { says: "Lines of JSON in a file", fields: [{ key: "path", label: "File", kind: "text", usual: "./data/notifications.jsonl" }] },
  webhook: { says: "HTTP requests to another program", fields: [{ key: "webhookUrl", label: "Address", kind: "secret", usual: "${OPS_WEBHOOK_URL}", hint: SECRET }] },
};

export type Filled = Record<string, string>;

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

function value(field: Field, text: string): Json | undefined {
  const trimmed = text.trim();
  if (field.kind === "lines") return linesOf(text);
  if (field.kind === "urls") return linesOf(text).map((url, at) => ({ id: `endpoint-${at + 1}`, name: url, url }));
  if (!trimmed) return undefined;
  return field.kind === "number" && /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
}

/** What was filled in, as options. What was left empty is left out. */
export function options(fields: Field[], filled: Filled): Facts {
  const pairs = fields.map((field): [string, Json | undefined] => [field.key, value(field, filled[field.key] ?? field.usual ?? "")]);
  return Object.fromEntries(pairs.filter((pair): pair is [string, Json] => pair[1] !== undefined && !(Array.isArray(pair[1]) && !pair[1].length && pair[0] === "units")));
}

export const sourceOptions = (id: string, filled: Filled): Facts => options(SOURCES[id] ?? [], filled);

export const channelOptions = (one: Channel): Facts => ({
  id: one.id, type: one.type, events: ["incident.created"], ...options(CHANNELS[one.type]?.fields ?? [], one.filled),
});

export const wishOf = (sources: Record<string, Filled>, channels: Channel[]): Wish => ({
  sources: Object.fromEntries(Object.entries(sources).map(([id, filled]) => [id, sourceOptions(id, filled)])),
  channels: channels.map(channelOptions),
});

/** An id that no other channel here has. */
export function fresh(type: string, channels: Channel[]): string {
  for (let count = 1; ; count += 1) {
    const id = count === 1 ? type : `${type}-${count}`;
    if (!channels.some((one) => one.id === id)) return id;
  }
}

/** What an offer fills in, beside what is filled in already. */
export function take(fields: Field[], filled: Filled, offer: Offer): Filled {
  const next = { ...filled };
  for (const field of fields) {
    const given = offer.options[field.key];
    if (given === undefined || given === null) continue;
    if (!Array.isArray(given)) next[field.key] = String(given);
    else next[field.key] = [...new Set([...linesOf(filled[field.key] ?? ""), ...given.map(String)])].join("\n");
  }
  return next;
}

/** Whether everything that an offer gives is filled in. */
export function taken(fields: Field[], filled: Filled | undefined, offer: Offer): boolean {
  if (!filled) return false;
  const next = take(fields, filled, offer);
  return fields.every(({ key }) => linesOf(next[key] ?? "").join("\n") === linesOf(filled[key] ?? "").join("\n"));
}

export const said = (fault: Fault): string => `${fault.line ? `line ${fault.line}: ` : ""}${fault.key ? `${fault.key}: ` : ""}${fault.message}${fault.help ? `; ${fault.help}` : ""}`;
