// The one way to the server: same origin, JSON, the session's CSRF token on every change.

import type { Credential, Ways, Who } from "./types";

const meta = document.querySelector<HTMLMetaElement>('meta[name="opspilot-api"]');
export const BASE = meta?.content ?? "/api";

/** How long an answer may take. */
const PATIENCE = 15_000;

/** A fault of a text, with its place. */
export interface Fault {
  line?: number;
  column?: number;
  message: string;
  help?: string;
}

/** What went wrong, in the server's words where it had any. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly faults: Fault[] = [],
  ) {
    super(message);
  }
}

let csrf = "";
let signedOut: () => void = () => undefined;
let signInAgain: () => Promise<boolean> = async () => false;

/** Calls `then` when the server does not know the caller any more. */
export function onSignedOut(then: () => void): void {
  signedOut = then;
}

/** Calls `then` when something needs a sign-in of a moment ago; it says whether there was one. */
export function onSignInAgain(then: () => Promise<boolean>): void {
  signInAgain = then;
}

async function problem(response: Response): Promise<Problem> {
  let body: { code?: string; title?: string; detail?: string; faults?: Fault[] } = {};
  try {
    body = await response.json();
  } catch {
    // A proxy may answer with anything.
  }
  const said = [body.title, body.detail].filter(Boolean).join(": ");
  return new Problem(response.status, body.code ?? "", said || `the server answered ${response.status}`, body.faults ?? []);
}

async function ask(method: string, path: string, body?: unknown, more: HeadersInit = {}, patience = PATIENCE): Promise<Response> {
  const headers = new Headers(more);
  if (method !== "GET" && csrf) headers.set("x-csrf-token", csrf);
  if (body !== undefined) headers.set("content-type", "application/json");
  const request: RequestInit = {
    method,
    headers,
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(patience),
  };
  if (body !== undefined) request.body = JSON.stringify(body);
  let response: Response;
  try {
    response = await fetch(BASE + path, request);
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Problem(0, "unreachable", late ? "the server does not answer in time" : "the server cannot be reached");
  }
  if (response.ok) return response;
  if (response.status === 401 && path !== "/session") signedOut();
  const found = await problem(response);
  if (found.code === "sign-in-again" && (await signInAgain())) return ask(method, path, body, more, patience);
  throw found;
}

export async function get<T>(path: string): Promise<T> {
  return (await ask("GET", path)).json();
}

/** Changes something. `once` names the wish, so that it counts once however often it is sent. */
export async function post<T>(path: string, body: unknown = {}, once?: string, patience?: number): Promise<T> {
  const more: HeadersInit = once ? { "idempotency-key": once } : {};
  return (await ask("POST", path, body, more, patience)).json();
}

export async function put<T>(path: string, body: unknown): Promise<T> {
  return (await ask("PUT", path, body)).json();
}

export async function remove(path: string): Promise<void> {
  await ask("DELETE", path);
}

/** A long answer, piece by piece. */
export async function lines(path: string): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(BASE + path, { credentials: "same-origin", cache: "no-store" });
  if (!response.ok || !response.body) throw await problem(response);
  return response.body;
}

/** Who the caller is; `null` if the server does not know. */
export async function whoami(): Promise<Who | null> {
  try {
    const who = await get<Who>("/session");
    csrf = who.csrfToken ?? "";
    return who;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return null;
    throw error;
  }
}

/** How people sign in to this server. */
export function ways(): Promise<Ways> {
  return get<Ways>("/session/methods");
}

export async function signIn(credential: Credential): Promise<Who> {
  const who = await post<Who>("/session", credential);
  csrf = who.csrfToken ?? "";
  return who;
}

export async function signOut(): Promise<void> {
  await remove("/session");
  csrf = "";
}

/** A name for a wish, to send it once. */
export function wish(): string {
  return crypto.randomUUID();
}
