// What a person likes, kept in this browser.

const KEY = "opspilot";

/** Stands while somebody is signed in. */
const IN = "opspilot-in";

export interface Settings {
  theme: "auto" | "light" | "dark";
  shortcuts: boolean;
}

const usual: Settings = { theme: "auto", shortcuts: true };

export function settings(): Settings {
  try {
    return { ...usual, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>) };
  } catch {
    return usual;
  }
}

export function change(more: Partial<Settings>): void {
  const next = { ...settings(), ...more };
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // A browser that keeps nothing still shows it.
  }
  show(next);
}

export function show(now = settings()): void {
  if (now.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = now.theme;
}

/** True if somebody was signed in when this browser last showed the dashboard. It is a guess, and opens nothing. */
export function wasIn(): boolean {
  try {
    return localStorage.getItem(IN) !== null;
  } catch {
    return false;
  }
}

export function noteIn(isIn: boolean): void {
  try {
    if (isIn) localStorage.setItem(IN, "");
    else localStorage.removeItem(IN);
  } catch {
    // Then the first incidents come a little later.
  }
}
