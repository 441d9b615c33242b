// What the palette offers for some words: views and deeds first, then incidents, the most urgent first. Pure.

import { urgency } from "./order";
import type { Incident } from "./types";

export interface Command {
  name: string;
  hint: string;
  run(): void;
}

/** How many incidents are offered. */
const MOST = 20;

const has = (text: string, words: string[]): boolean => {
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
};

export interface Found {
  commands: Command[];
  incidents: Incident[];
}

export function find(text: string, commands: Command[], incidents: Iterable<Incident>): Found {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found: Incident[] = [];
  for (const one of incidents) {
    const line = one.context?.matchedLine;
    if (has(`${one.title}\n${one.description}\n${one.id}\n${typeof line === "string" ? line : ""}`, words)) found.push(one);
  }
  found.sort((a, b) => urgency(a) - urgency(b) || (a.createdAt < b.createdAt ? 1 : -1));
  return { commands: commands.filter((one) => has(`${one.name} ${one.hint}`, words)), incidents: found.slice(0, MOST) };
}
