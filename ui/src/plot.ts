// The numbers of a small chart: where each sample and the threshold stand. Pure.

import type { Facts, Json } from "./types";

/** Samples of an incident with the limit that they are measured by. */
export interface Samples {
  /** How many milliseconds before the newest each was taken, oldest first, and its value. */
  points: [number, number][];
  threshold: number;
  operator: string;
}

const isPair = (one: Json): one is [number, number] =>
  Array.isArray(one) && one.length === 2 && one.every((part) => typeof part === "number" && Number.isFinite(part));

/** What the context of an incident has to draw; `null` if that is not at least two samples and a threshold. */
export function samples(context: Facts): Samples | null {
  const { samples, threshold, operator } = context;
  if (!Array.isArray(samples) || typeof threshold !== "number") return null;
  const points = samples.filter(isPair).sort((a, b) => b[0] - a[0]);
  return points.length > 1 ? { points, threshold, operator: typeof operator === "string" ? operator : "" } : null;
}

const BEYOND: Record<string, (value: number, limit: number) => boolean> = {
  ">": (value, limit) => value > limit,
  ">=": (value, limit) => value >= limit,
  "<": (value, limit) => value < limit,
  "<=": (value, limit) => value <= limit,
  "==": (value, limit) => value === limit,
};

export interface Plot {
  /** The line, as the `d` of a path. */
  path: string;
  dots: { x: number; y: number; beyond: boolean }[];
  /** The height at which the threshold stands. */
  limit: number;
  low: number;
  high: number;
  /** How long the whole is, in milliseconds. */
  span: number;
  /** How many samples are beyond the threshold. */
  beyond: number;
}

const round = (number: number): number => Math.round(number * 10) / 10;

/** Lays the samples out in a box of this size; some room stays above and below. */
export function plot({ points, threshold, operator }: Samples, width: number, height: number): Plot {
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [bottom, top] = [Math.min(low, threshold), Math.max(high, threshold)];
  const room = (top - bottom || Math.abs(top) || 1) * 0.12;
  const span = points[0]?.[0] ?? 0;
  // What was all read at once stands in its order.
  const x = (before: number, at: number): number => round(width * (span ? 1 - before / span : at / (points.length - 1)));
  const y = (value: number): number => round(height * (1 - (value - bottom + room) / (top - bottom + 2 * room)));
  const isBeyond = BEYOND[operator] ?? (() => false);
  const dots = points.map(([before, value], at) => ({ x: x(before, at), y: y(value), beyond: isBeyond(value, threshold) }));
  return {
    path: dots.map((dot, at) => `${at ? "L" : "M"}${dot.x} ${dot.y}`).join(""),
    dots, limit: y(threshold), low, high, span,
    beyond: dots.filter((dot) => dot.beyond).length,
  };
}
