// What an event changes in what is shown. Pure: the same event twice changes nothing more.

import type { Facts, Happening, Incident, Json, Severity, Status } from "./types";

const text = (facts: Facts, key: string): string => (typeof facts[key] === "string" ? facts[key] : "");

/** The incident of an `incident.created`. */
export function created(happening: Happening): Incident {
  const facts = happening.payload;
  const detectedAt = text(facts, "detectedAt");
  return {
    id: text(facts, "incidentId"),
    title: text(facts, "title"),
    description: text(facts, "description"),
    severity: text(facts, "severity") as Severity,
    status: "open",
    detectedBy: text(facts, "detectedBy"),
    detectedAt,
    createdAt: happening.timestamp,
    updatedAt: happening.timestamp,
    occurrences: typeof facts.occurrences === "number" ? facts.occurrences : 1,
    lastSeenAt: text(facts, "lastSeenAt") || detectedAt,
    context: (facts.context ?? {}) as Facts,
    enrichments: {},
  };
}

/** The incident after an `incident.updated`; the very same object when it knew that already. */
export function updated(incident: Incident, happening: Happening): Incident {
  const { field, newValue, updatedAt } = happening.payload;
  const at = typeof updatedAt === "string" ? updatedAt : happening.timestamp;
  if (Date.parse(at) < Date.parse(incident.updatedAt)) return incident;
  const next: Incident = { ...incident, updatedAt: at };
  const key = String(field);
  if (key === "status") next.status = newValue as Status;
  else if (key === "assignee") {
    if (typeof newValue === "string") next.assignee = newValue;
    else delete next.assignee;
  } else if (key === "occurrences" && typeof newValue === "number") next.occurrences = newValue;
  else if (key.startsWith("enrichments.")) {
    next.enrichments = { ...incident.enrichments, [key.slice("enrichments.".length)]: newValue as Json };
  }
  return next;
}

/** What `happenings` make of all incidents; the very same map when nothing changes. It is copied once at most. */
export function apply(incidents: Map<string, Incident>, happenings: Happening[]): Map<string, Incident> {
  let next: Map<string, Incident> | null = null;
  for (const happening of happenings) {
    const id = text(happening.payload, "incidentId");
    const known = (next ?? incidents).get(id);
    const then = one(known, happening);
    if (then && then !== known) {
      next ??= new Map(incidents);
      next.set(id, then);
    }
  }
  return next ?? incidents;
}

/**
 * What is left of `incidents` after all with `statuses` were read: of those known before the reading began, `before`,
 * only what the server still `told` of. What came by an event meanwhile stays.
 */
export function settle(
  incidents: Map<string, Incident>,
  before: ReadonlySet<string>,
  told: ReadonlySet<string>,
  statuses: readonly Status[],
): Map<string, Incident> {
  const isGone = (one: Incident): boolean => before.has(one.id) && !told.has(one.id) && statuses.includes(one.status);
  const left = [...incidents].filter(([, one]) => !isGone(one));
  return left.length === incidents.size ? incidents : new Map(left);
}

function one(known: Incident | undefined, happening: Happening): Incident | undefined {
  if (!known) return happening.type === "incident.created" ? created(happening) : undefined;
  if (happening.type === "incident.updated") return updated(known, happening);
  if (happening.type !== "incident.repeated") return known;
  const { occurrences } = happening.payload;
  const seen = text(happening.payload, "lastSeenAt");
  // What was seen by then is counted already.
  if (!(Date.parse(seen) > Date.parse(known.lastSeenAt))) return known;
  return { ...known, lastSeenAt: seen, occurrences: known.occurrences + (typeof occurrences === "number" ? occurrences : 0) };
}
