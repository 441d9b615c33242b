// The OpenAPI document as operations, types and lines for a shell. Pure.

/** A JSON Schema, as far as the document uses it. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  title?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  prefixItems?: Schema[];
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  description?: string;
  required?: boolean;
  schema: Schema;
}

interface Content {
  [kind: string]: { schema?: Schema };
}

export interface Response {
  $ref?: string;
  description?: string;
  headers?: Record<string, { $ref?: string; description?: string }>;
  content?: Content;
}

interface RawOperation {
  operationId: string;
  summary: string;
  tags: string[];
  "x-role": string;
  "x-callers": string[];
  parameters: Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, Response>;
}

export interface Document {
  info: { title: string; summary?: string; version: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema>; responses: Record<string, Response>; headers: Record<string, { description?: string }> };
}

export interface Operation extends RawOperation {
  method: string;
  path: string;
}

/** All operations in the order of the document. */
export function operations(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({ ...one, path, method: method.toUpperCase() })));
}

/** The operations by their first tag, tags in the order of the alphabet. */
export function grouped(all: Operation[]): [string, Operation[]][] {
  const groups = new Map<string, Operation[]>();
  for (const one of all) {
    const tag = one.tags[0] ?? "others";
    groups.set(tag, [...(groups.get(tag) ?? []), one]);
  }
  return [...groups].sort(([a], [b]) => a.localeCompare(b));
}

/** What a `$ref` leads to; `undefined` if that is not there. */
export function resolve<T extends { $ref?: string }>(document: Document, one: T): T | undefined {
  if (one.$ref === undefined) return one;
  const path = one.$ref.replace(/^#\//, "").split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  let found: unknown = document;
  for (const name of path) found = typeof found === "object" && found !== null && Object.hasOwn(found, name) ? (found as Record<string, unknown>)[name] : undefined;
  return found as T | undefined;
}

/** The kinds of errors that an answer stands for, and what each means: an answer that is usually none leaves that out. */
export function codes(document: Document, answer: Response): { code: string; title: string }[] {
  const schema = answer.content?.["application/problem+json"]?.schema;
  const names = schema?.allOf?.flatMap((part) => part.properties?.code?.enum ?? []) ?? [];
  return names.map((name) => ({ code: String(name), title: titles(document).get(String(name)) ?? "" }));
}

const known = new WeakMap<Document, Map<string, string>>();

/** What each kind of error means. */
function titles(document: Document): Map<string, string> {
  const found = known.get(document) ?? new Map<string, string>();
  if (known.has(document)) return found;
  known.set(document, found);
  for (const { description } of Object.values(document.components.responses)) {
    for (const [, code, title] of (description ?? "").matchAll(/`([^`]+)`: (.*?\.)(?= `|$)/g)) if (code && title) found.set(code, title);
  }
  return found;
}

/** The operations that all words of `sought` are in: id, method, path, summary, tag, role, parameters, codes. */
export function find(document: Document, all: Operation[], sought: string): Operation[] {
  const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return all;
  return all.filter((one) => {
    const told = Object.values(one.responses).flatMap((answer) => codes(document, resolve(document, answer) ?? {}).map(({ code }) => code));
    const text = [one.operationId, one.method, one.path, one.summary, one["x-role"], ...one.tags, ...one.parameters.map(({ name }) => name), ...told].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** What tells one alternative from another: what it is called, else the fields that it must have. */
export function alternative(schema: Schema): string {
  const needed = (schema.required ?? []).map((name) => {
    const words = schema.properties?.[name]?.enum;
    return words ? `${name}: ${words.join(" | ")}` : name;
  });
  return schema.title ?? (needed.join(", ") || kind(schema));
}

const nameOf = (ref: string): string => ref.split("/").at(-1) ?? ref;

/** What a value may be, in a few words. */
export function kind(schema: Schema): string {
  if (schema.$ref) return nameOf(schema.$ref);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return choices.length > 4 ? `one of ${choices.length}` : choices.map(kind).join(" | ");
  if (schema.allOf) return schema.allOf.map(kind).join(" & ");
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.includes("array") && schema.items) return types.map((one) => (one === "array" ? `list of ${kind(schema.items ?? {})}` : one)).join(" | ");
  const word = types.join(" | ") || "anything";
  return schema.format ? `${word} (${schema.format})` : word;
}

/** What bounds a value, in a few words each. */
export function bounds(schema: Schema): string[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const range = (low: number | undefined, high: number | undefined, unit: string): string[] => {
    // A bound that no number of a script can hold is none for its reader.
    const top = high !== undefined && high < Number.MAX_SAFE_INTEGER ? high : undefined;
    if (low !== undefined && top !== undefined) return [`${low} to ${top}${unit}`];
    if (top !== undefined) return [`at most ${top}${unit}`];
    return low ? [`at least ${low}${unit}`] : [];
  };
  return [
    ...range(minimum, maximum, ""), ...range(minLength, maxLength, " characters"), ...range(minItems, maxItems, " entries"),
    ...(schema.default === undefined ? [] : [`${JSON.stringify(schema.default)} unless said`]),
  ];
}

/** What stands behind a schema that has parts: itself, what it refers to, or the entries of the list that it is. */
export function parts(document: Document, schema: Schema): Schema | null {
  const found = resolve(document, schema);
  if (!found) return null;
  if (found.properties || found.oneOf || found.anyOf || found.allOf) return found;
  if (found.items) return parts(document, found.items);
  if (typeof found.additionalProperties === "object") return parts(document, found.additionalProperties);
  return schema.$ref && (found.enum || found.description) ? found : null;
}

/** How deep a sample goes. */
const DEEPEST = 4;

/** The least that a schema takes. */
export function sample(document: Document, schema: Schema, depth = 0): unknown {
  const found = resolve(document, schema) ?? {};
  if (found.const !== undefined) return found.const;
  if (found.enum) return found.enum[0];
  if (found.default !== undefined) return found.default;
  const choice = (found.oneOf ?? found.anyOf)?.[0];
  if (choice) return sample(document, choice, depth + 1);
  switch ([found.type].flat()[0]) {
    case "object": {
      if (depth >= DEEPEST) return {};
      const names = (found.required ?? []).filter((name) => found.properties?.[name]);
      return Object.fromEntries(names.map((name) => [name, sample(document, found.properties?.[name] ?? {}, depth + 1)]));
    }
    case "array":
      return found.minItems && found.items && depth < DEEPEST ? [sample(document, found.items, depth + 1)] : [];
    case "integer":
    case "number":
      return found.minimum ?? 0;
    case "boolean":
      return false;
    case "string":
      return found.format === "date-time" ? "2026-01-31T12:00:00Z" : "…";
    default:
      return null;
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The same operation for a shell. What is to be filled in is a variable of the shell. */
export function curl(document: Document, one: Operation, origin: string): string {
  const server = document.servers[0]?.url ?? "";
  const path = one.path.replace(/\{([^}]+)\}/g, (_, name: string) => `$${name.toUpperCase()}`);
  const needed = one.parameters.filter((parameter) => parameter.in === "query" && parameter.required);
  const query = needed.map(({ name }) => `${name}=$${name.toUpperCase()}`).join("&");
  const words = ["curl -sS"];
  const answers = Object.values(one.responses).flatMap((answer) => Object.keys(answer.content ?? {}));
  if (answers.includes("text/event-stream")) words.push("-N");
  if (one.method !== "GET") words.push(`-X ${one.method}`);
  if (one["x-role"] !== "anyone") words.push('-H "X-API-Key: $OPSPILOT_API_KEY"');
  const content = Object.entries(one.requestBody?.content ?? {})[0];
  if (content) {
    const [type, { schema }] = content;
    words.push(`-H ${quoted(`Content-Type: ${type}`)}`, `-d ${quoted(JSON.stringify(sample(document, schema ?? {}) ?? {}))}`);
  }
  words.push(`"${origin}${server === "/" ? "" : server}${path}${query && `?${query}`}"`);
  return words.join(" ");
}
