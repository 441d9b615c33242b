// What the API sends, as far as the dashboard reads it. See docs/reference/http-api.md.

export type Severity = "critical" | "warning" | "info";
export type Status = "open" | "acknowledged" | "resolved" | "closed";
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Facts = Record<string, Json>;

export interface Who {
  subject: string;
  role: "viewer" | "operator" | "admin";
  kind: "human" | "service" | "agent";
  method: string;
  csrfToken?: string;
}

export interface TimelineEntry {
  timestamp: string;
  action: string;
  actor: string;
  reason?: string;
  details?: Facts;
}

export interface Incident {
  id: string;
  title: string;
  description: string;
  severity: Severity;
  status: Status;
  detectedBy: string;
  detectedAt: string;
  createdAt: string;
  updatedAt: string;
  occurrences: number;
  lastSeenAt: string;
  assignee?: string;
  autoResolveMs?: number;
  flapping?: { reopened: number; since: string };
  context?: Facts;
  enrichments?: Facts;
  timeline?: TimelineEntry[];
  timelineDropped?: number;
}

export type Effect =
  | { kind: "command"; argv: string[]; folder?: string; user?: string }
  | { kind: "request"; method: string; url: string; headers?: string[]; body?: string }
  | { kind: "manual"; text: string }
  | { kind: "steps"; steps: string[] };

export interface Deed {
  actionType: string;
  executor: string;
  arguments: Facts;
  digest: string;
  plan: { target: string; effect: Effect; touches: string[]; success: string; rollback?: string; limits?: string[] };
  precondition?: string;
  dryRun?: string;
  fromEvidence: string[];
}

export interface Decision {
  by: string;
  at: string;
  reason?: string;
}

export interface Proposal {
  id: string;
  status: string;
  actionType: string;
  description: string;
  reasoning: string;
  requestedBy: string;
  askedBy?: string;
  requestedAt: string;
  expiresAt: string;
  incidentId?: string;
  policy: { role: Who["role"]; approvers: number; maxAgeMinutes: number; tokenMinutes: number };
  approvals: Decision[];
  ended?: Decision;
  actions: Deed[];
}

export interface Execution {
  id: string;
  proposalId: string;
  index: number;
  approvedBy: string[];
  state: "running" | "verifying" | "succeeded" | "failed" | "unknown";
  startedAt: string;
  endedAt?: string;
  outcome?: { succeeded: boolean; summary: string; output: string; truncated: boolean };
  verdict?: { passed: boolean; detail: string };
}

export interface ModuleStatus {
  id: string;
  version: string;
  category: string;
  state: string;
  restarts: number;
  status: "healthy" | "degraded" | "unhealthy";
  message?: string;
  details: Facts;
  lastCheck: string;
}

export interface RunStep {
  step: { kind: string; instruction: string; mayFail?: boolean };
  state: string;
  proposal?: { id: string; index: number };
  output?: string;
  endedBy?: string;
}

export interface Run {
  id: string;
  runbookId: string;
  title: string;
  incidentId: string;
  state: string;
  note?: string;
  steps: RunStep[];
  startedBy: string;
  startedAt: string;
  endedAt?: string;
}

export interface Runbook {
  id: string;
  title: string;
  steps: { kind: string; instruction: string }[];
}

export interface StandIn {
  id: string;
  schedule: string;
  person: string;
  from: string;
  until: string;
  source: "configuration" | "entered";
  addedBy: string;
  reason?: string;
}

export interface OnCall {
  at: string;
  schedules: { schedule: string; person: string | null; until: string | null; overrides: StandIn[] }[];
  people: { id: string; name: string; channels: string[] }[];
}

export interface Escalation {
  incidentId: string;
  policyId: string;
  startedAt: string;
  level: number;
  told: number;
  acknowledgedSince?: string;
  dueAt?: string;
}

export interface AuditEntry {
  seq: number;
  at: string;
  action: string;
  actor: string;
  target?: string;
  details?: Facts;
  correlationId?: string;
}

export interface DeadLetter {
  id: string;
  consumer: string;
  eventType: string;
  attempts: number;
  error: string;
  failedAt: string;
  retrying: boolean;
}

/** An event of the journal in its wire form. */
export interface Happening {
  id: string;
  type: string;
  source: string;
  timestamp: string;
  payload: Facts;
}
