// Lines of a file before and after a change. Pure.

export interface DiffLine {
  kind: "same" | "removed" | "added";
  old?: number;
  new?: number;
  text: string;
}

/** The places before which lines that stay are left out: there the numbers jump. */
export function jumps(lines: DiffLine[]): Set<number> {
  const found = new Set<number>();
  let [old, next] = [0, 0];
  lines.forEach((line, at) => {
    if (at && ((line.old ?? 0) > old + 1 || (line.new ?? 0) > next + 1)) found.add(at);
    old = line.old ?? old;
    next = line.new ?? next;
  });
  return found;
}
