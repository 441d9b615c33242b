// What a person likes, kept in this browser.

const KEY = "opspilot";

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
