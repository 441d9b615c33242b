// The keyboard: one table for the handlers and for the sheet behind `?`.

import { settings } from "./settings";

export interface Shortcut {
  /** `event.key`, or two of them in a row with a space between. */
  keys: string;
  says: string;
  run(): void;
}

let table: Shortcut[] = [];
let first = "";
let firstAt = 0;

/** How long after the first of two keys the second may come. */
const PAIR = 1_200;

/** The shortcuts of the view on the screen, in the order of the sheet. */
export function shortcuts(): Shortcut[] {
  return table;
}

const layers: Shortcut[][] = [];

/** Adds shortcuts until the returned function is called. */
export function bind(more: Shortcut[]): () => void {
  layers.push(more);
  table = layers.flat();
  return () => {
    layers.splice(layers.indexOf(more), 1);
    table = layers.flat();
  };
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** Acts on a key; it is not for those who type, nor while a dialog is open. */
export function press(event: KeyboardEvent): void {
  const isPalette = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k";
  if (isPalette && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    table.find((one) => one.keys === "Ctrl K")?.run();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const isLetter = event.key.length === 1;
  if (isLetter && !settings().shortcuts) return;
  // Enter and the space bar belong to the button or link that has the focus.
  const held = event.target instanceof HTMLElement && event.target.closest("button, a, summary, [role=button]");
  if (!isLetter && held && event.key === "Enter") return;
  const pair = Date.now() - firstAt < PAIR ? `${first} ${event.key}` : "";
  const found = [...table].reverse().find((one) => one.keys === pair) ?? [...table].reverse().find((one) => one.keys === event.key);
  first = event.key;
  firstAt = Date.now();
  if (!found) return;
  first = "";
  event.preventDefault();
  found.run();
}
