// What is asked of the server while it is set up.

import * as api from "./api";
import type { Report } from "./plant";
import type { Preview, Setup, Tried, Wish } from "./setup";

/** Trials may take this long, in milliseconds. */
const PATIENCE = 30_000;

export const readSetup = (): Promise<Setup> => api.get("/setup");
export const tryOut = (wish: Wish): Promise<Tried> => api.post("/setup/try", wish, undefined, PATIENCE);
export const preview = (wish: Wish): Promise<Preview> => api.post("/setup/preview", wish);
export const save = (wish: Wish, expected: string | null): Promise<Report> => api.post("/setup/save", { ...wish, expected }, undefined, PATIENCE);
