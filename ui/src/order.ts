// Which incidents are listed, in which order, and how that stands in the address. Pure.

import type { Incident, Severity, Status } from "./types";

export interface Filter {
  text: string;
  severities: Severity[];
  statuses: Status[];
  owner: "" | "me" | "nobody";
  /** The id of a detector, or nothing for all. */
  module: string;
  /** Only what is not older than this. */
  within: Within;
}

export type Within = "" | "1h" | "24h" | "7d";

export const SEVERITIES: Severity[] = ["critical", "warning", "info"];
export const STATUSES: Status[] = ["open", "acknowledged", "resolved", "closed"];
export const ACTIVE: Status[] = ["open", "acknowledged"];

const HOUR = 3_600_000;
/** How long each span is, in milliseconds. */
export const SPANS: Record<Exclude<Within, "">, number> = { "1h": HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR };

const picked = <T extends string>(given: string | null, all: T[], otherwise: T[]): T[] => {
  const parts = (given ?? "").split(",");
  const found = all.filter((one) => parts.includes(one));
  return found.length ? found : otherwise;
};

/** Reads the filter out of a query string; what it does not know it passes over. */
export function parse(query: string): Filter {
  const given = new URLSearchParams(query);
  const owner = given.get("owner");
  const within = given.get("within") ?? "";
  return {
    text: given.get("q") ?? "",
    severities: picked(given.get("severity"), SEVERITIES, SEVERITIES),
    statuses: picked(given.get("status"), STATUSES, ACTIVE),
    owner: owner === "me" || owner === "nobody" ? owner : "",
    module: given.get("module") ?? "",
    within: Object.hasOwn(SPANS, within) ? (within as Within) : "",
  };
}

const same = (one: string[], other: string[]): boolean => one.length === other.length && one.every((x) => other.includes(x));

/** The query string of a filter; empty for the one that is usual. */
export function query(filter: Filter): string {
  const out = new URLSearchParams();
  if (filter.text) out.set("q", filter.text);
  if (!same(filter.severities, SEVERITIES)) out.set("severity", filter.severities.join(","));
  if (!same(filter.statuses, ACTIVE)) out.set("status", filter.statuses.join(","));
  if (filter.owner) out.set("owner", filter.owner);
  if (filter.module) out.set("module", filter.module);
  if (filter.within) out.set("within", filter.within);
  const text = out.toString().replaceAll("%2C", ",");
  return text && `?${text}`;
}

/** True if `incident` passes. Every word of the text must stand somewhere in it. */
export function passes(incident: Incident, filter: Filter, me: string, now: number): boolean {
  if (!filter.severities.includes(incident.severity) || !filter.statuses.includes(incident.status)) return false;
  if (filter.owner === "me" && incident.assignee !== me) return false;
  if (filter.owner === "nobody" && incident.assignee) return false;
  if (filter.module && incident.detectedBy !== filter.module) return false;
  if (filter.within && Date.parse(incident.createdAt) < now - SPANS[filter.within]) return false;
  if (!filter.text) return true;
  const line = incident.context?.matchedLine;
  const source = incident.context?.logSource;
  const all = [incident.id, incident.title, incident.description, incident.assignee, incident.detectedBy, line, source]
    .filter((part) => typeof part === "string")
    .join("\n")
    .toLowerCase();
  return filter.text.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

const SEVERITY_RANK: Record<Severity, number> = { critical: 0, warning: 1, info: 2 };
const STATUS_RANK: Record<Status, number> = { open: 0, acknowledged: 4, resolved: 8, closed: 12 };

/** How soon somebody must look: the lower the sooner. What nobody has taken comes before what somebody has. */
export function urgency(incident: Incident): number {
  return STATUS_RANK[incident.status] + SEVERITY_RANK[incident.severity];
}

/** The incidents that pass, most urgent first, the newest first among equals. */
export function listed(incidents: Iterable<Incident>, filter: Filter, me: string, now: number): Incident[] {
  const found: Incident[] = [];
  for (const incident of incidents) if (passes(incident, filter, me, now)) found.push(incident);
  return found.sort(
    (a, b) => urgency(a) - urgency(b) || (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : a.id < b.id ? 1 : -1),
  );
}

/** How many rows came in above the row `id` since `before`, and so by how much it moved. */
export function shift(before: string[], after: string[], id: string | null): number {
  if (!id) return 0;
  const was = before.indexOf(id);
  const is = after.indexOf(id);
  return was < 0 || is < 0 ? 0 : is - was;
}
