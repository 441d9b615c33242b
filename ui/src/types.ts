// What the API sends, as far as the dashboard reads it. The shapes are those of the OpenAPI document: `schema.d.ts` is
// made from it by `cargo xtask ui`, so what the server stops sending does not compile here.

import type { components } from "./schema";

type Schemas = components["schemas"];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Facts = Record<string, Json>;

/** The same with other types of some members: where the document says only "any JSON". */
type With<Type, Members> = Omit<Type, keyof Members> & Members;

export type Severity = Schemas["Severity"];
export type Status = Schemas["Status"];
export type Who = Schemas["Who"];
export type Ways = Schemas["SignInMethods"];
export type Credential = { apiKey: string } | { username: string; password: string };
export type TimelineEntry = With<Schemas["TimelineEntry"], { details?: Facts }>;
export type Incident = With<
  Schemas["Incident"],
  { context?: Facts; enrichments?: Facts; timeline?: TimelineEntry[] }
>;
export type Effect = Schemas["Effect"];
export type Deed = With<Schemas["ProposedAction"], { arguments: Facts }>;
export type Decision = Schemas["Decision"];
export type Proposal = With<Schemas["Proposal"], { actions: Deed[] }>;
export type Execution = Schemas["Execution"];
export type ModuleStatus = With<Schemas["ModuleStatus"], { details: Facts }>;
export type RunStep = Schemas["RunStep"];
export type Run = Schemas["Run"];
export type Runbook = Schemas["Runbook"];
export type StandIn = Schemas["Override"];
export type OnCall = Schemas["OnCall"];
export type Escalation = Schemas["Escalation"];
export type AuditEntry = With<Schemas["Entry"], { details?: Facts }>;
export type DeadLetter = Schemas["DeadLetter"];

/** An event of the journal in its wire form. */
export interface Happening {
  id: string;
  type: string;
  source: string;
  timestamp: string;
  payload: Facts;
}
