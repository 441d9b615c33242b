// What the server says of its own parts: sources, one module, who hears whom, and what a reload did.

import * as api from "./api";
import type { Facts, ModuleStatus } from "./types";

/** A number that a module counts. */
export interface Reading {
  name: string;
  labels?: Record<string, string>;
  value: number;
}

/** What came from one place that a connector reads. */
export interface Stream {
  stream: string;
  name: string;
  position: number;
  records: number;
  bytes: number;
  recordsLastMinute: number;
  lastAt: string;
}

export interface Source extends ModuleStatus {
  streams: Stream[];
  lag: Reading[];
  losses: Reading[];
}

export interface ModuleDetail {
  id: string;
  version: string;
  description: string;
  dependencies: string[];
  consumes: string[];
  emits: string[];
  enabled: boolean;
  status: ModuleStatus | null;
  configuration: Facts | null;
  metrics: Reading[];
}

export interface Topology {
  nodes: { id: string; category: string; description: string; state: string; status: ModuleStatus["status"] }[];
  edges: { from: string; to: string; types: string[] }[];
}

/** A notice on its way to a channel. */
export interface Delivery {
  channel: string;
  consumer: string;
  eventId: string;
  eventType: string;
  correlationId?: string;
  state: "sent" | "retrying" | "refused";
  attempts: number;
  at: string;
  error?: string;
}

/** What a reload did, or, with a message alone, that it goes on. */
export interface Report {
  message?: string;
  started?: string[];
  restarted?: string[];
  stopped?: string[];
  needsRestart?: string[];
  failed?: { module: string; reason: string }[];
  warnings?: string[];
}

export const readSources = async (): Promise<Source[]> => (await api.get<{ sources: Source[] }>("/sources")).sources;

/** The newest deliveries. */
export const readDeliveries = async (): Promise<Delivery[]> => (await api.get<{ notifications: Delivery[] }>("/notifications?limit=20")).notifications;

export const readTopology = (): Promise<Topology> => api.get("/topology");

export const readModule = (id: string): Promise<ModuleDetail> => api.get(`/modules/${encodeURIComponent(id)}`);

export const restart = (id: string): Promise<{ message: string }> => api.post(`/modules/${encodeURIComponent(id)}/restart`, {}, api.wish());

export const reload = (): Promise<Report> => api.post("/reload", {}, api.wish());

/** What a reload did, line by line. */
export function changes(report: Report): string[] {
  const row = (said: string, ids: string[] | undefined): string[] => (ids?.length ? [`${said}: ${ids.join(", ")}`] : []);
  const lines = [
    ...row("Started", report.started), ...row("Started again", report.restarted), ...row("Stopped", report.stopped),
    ...(report.failed ?? []).map(({ module, reason }) => `Does not start, and is tried again: ${module}: ${reason}`),
    ...row("Waits for the next start of the server", report.needsRestart), ...row("Doubtful", report.warnings),
  ];
  if (report.message) lines.push(report.message);
  return lines.length ? lines : ["Nothing changed."];
}

/** A reading as words: its name without what all share, and its labels. */
export function reading({ name, labels }: Reading): string {
  const shown = Object.values(labels ?? {});
  return name.replace(/^opspilot_/, "").replace(/_total$/, "").replaceAll("_", " ") + (shown.length ? ` (${shown.join(", ")})` : "");
}
