// Where the modules stand in the drawing of who hears whom: a column for each kind, from signal to people. Pure.

import type { Topology } from "./plant";

export type Node = Topology["nodes"][number];

export const KINDS: [string, string][] = [
  ["connector", "Sources"], ["detector", "Detectors"], ["enricher", "Understanding"], ["action", "Actions"],
  ["notifier", "Telling people"], ["openclaw", "Tools"], ["ui", "Interfaces"], ["telemetry", "Telemetry"],
];

export const BOX = { width: 178, height: 30 };
const GAP = { x: 46, y: 14 };
const HEAD = 30;

export interface Placed {
  node: Node;
  x: number;
  y: number;
}

export interface Layout {
  placed: Map<string, Placed>;
  heads: { title: string; x: number }[];
  width: number;
  height: number;
}

/** Lays the modules out. What is of no known kind stands in a column of its own at the end. */
export function layout(nodes: Node[]): Layout {
  const known = new Set(KINDS.map(([kind]) => kind));
  const columns: [string, Node[]][] = KINDS.map(([kind, title]) => [title, nodes.filter((one) => one.category === kind)]);
  columns.push(["Others", nodes.filter((one) => !known.has(one.category))]);
  const used = columns.filter(([, some]) => some.length);
  const most = Math.max(0, ...used.map(([, some]) => some.length));
  const pitch = BOX.height + GAP.y;
  const placed = new Map<string, Placed>();
  used.forEach(([, some], column) => some.forEach((node, row) => {
    const shift = ((most - some.length) * pitch) / 2;
    placed.set(node.id, { node, x: column * (BOX.width + GAP.x), y: HEAD + shift + row * pitch });
  }));
  return {
    placed,
    heads: used.map(([title], column) => ({ title, x: column * (BOX.width + GAP.x) })),
    width: Math.max(BOX.width, used.length * (BOX.width + GAP.x) - GAP.x),
    height: HEAD + most * pitch,
  };
}

/** The way from one box to another, as the `d` of a path; within a column or backwards it goes round outside. */
export function way(from: Placed, to: Placed): string {
  const [y1, y2] = [from.y + BOX.height / 2, to.y + BOX.height / 2];
  const right = from.x + BOX.width;
  if (to.x > from.x) {
    const bend = Math.max(28, (to.x - right) / 2);
    return `M${right} ${y1}C${right + bend} ${y1} ${to.x - bend} ${y2} ${to.x} ${y2}`;
  }
  const out = Math.max(right, to.x + BOX.width) + GAP.x / 2;
  return `M${right} ${y1}C${out} ${y1} ${out} ${y2} ${to.x + BOX.width} ${y2}`;
}

/** Whom a module hears and who hears it, with the types. */
export function around({ edges }: Topology, id: string): { hears: [string, string[]][]; heard: [string, string[]][] } {
  return {
    hears: edges.filter((one) => one.to === id).map((one) => [one.from, one.types]),
    heard: edges.filter((one) => one.from === id).map((one) => [one.to, one.types]),
  };
}
