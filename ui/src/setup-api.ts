// What is asked of the server while it is set up.

import * as api from "./api";
import { readModule, type Report } from "./plant";
import type { Preview, Setup, Tried, Wish } from "./setup";
import type { AuditEntry, Facts } from "./types";

/** Trials may take this long, in milliseconds. */
const PATIENCE = 30_000;

export const readSetup = (): Promise<Setup> => api.get("/setup");
export const tryOut = (wish: Wish): Promise<Tried> => api.post("/setup/try", wish, undefined, PATIENCE);
export const preview = (wish: Wish): Promise<Preview> => api.post("/setup/preview", wish);
export const save = (wish: Wish, expected: string | null): Promise<Report> => api.post("/setup/save", { ...wish, expected }, undefined, PATIENCE);

/** What the configuration says of a source; `null` if it says nothing. */
export const readKept = async (id: string): Promise<Facts | null> => (await readModule(id)).configuration;

/** The newest entries of the audit log. */
export const readAudit = async (): Promise<AuditEntry[]> => (await api.get<{ entries: AuditEntry[] }>("/audit?limit=20")).entries;
