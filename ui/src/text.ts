// Text from logs is hostile: it may turn the direction of reading round, hide characters or fake line ends. Nothing
// here makes markup; what cannot be seen is named.

const NAMES = new Map<number, string>([
  [0x00ad, "SHY"], [0x034f, "CGJ"], [0x061c, "ALM"], [0x115f, "HCF"], [0x1160, "HJF"], [0x180e, "MVS"],
  [0x200b, "ZWSP"], [0x200c, "ZWNJ"], [0x200d, "ZWJ"], [0x200e, "LRM"], [0x200f, "RLM"],
  [0x2028, "LS"], [0x2029, "PS"],
  [0x202a, "LRE"], [0x202b, "RLE"], [0x202c, "PDF"], [0x202d, "LRO"], [0x202e, "RLO"],
  [0x2060, "WJ"], [0x2066, "LRI"], [0x2067, "RLI"], [0x2068, "FSI"], [0x2069, "PDI"],
  [0x3164, "HF"], [0xfeff, "BOM"], [0xffa0, "HHF"],
]);

/** A piece of a text: as it is, or the name of a character that cannot be seen. */
export interface Piece {
  text: string;
  hidden: boolean;
}

function name(code: number): string | null {
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  if (code < 0xa0 && code >= 0x80) return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  const known = NAMES.get(code);
  if (known) return known;
  if (code >= 0x206a && code <= 0x206f) return `U+${code.toString(16).toUpperCase()}`;
  if (code >= 0xe0000 && code <= 0xe0fff) return `U+${code.toString(16).toUpperCase()}`;
  if (code >= 0xfff0 && code <= 0xfffb) return `U+${code.toString(16).toUpperCase()}`;
  return null;
}

/** Cuts `text` so that every character that cannot be seen stands alone, by name. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = "";
  for (const char of text) {
    const hidden = name(char.codePointAt(0) ?? 0);
    if (hidden === null) {
      plain += char;
      continue;
    }
    if (plain) found.push({ text: plain, hidden: false });
    plain = "";
    found.push({ text: hidden, hidden: true });
  }
  if (plain) found.push({ text: plain, hidden: false });
  return found;
}

/** The same as one string, for names and titles that cannot hold elements. */
export function visible(text: string): string {
  return pieces(text).map((piece) => (piece.hidden ? `\u27e6${piece.text}\u27e7` : piece.text)).join("");
}

/** `line` in pieces, with the first place of each of `parts`, in their order, marked. */
export function marked(line: string, parts: string[]): { text: string; mark: boolean }[] {
  const found: { text: string; mark: boolean }[] = [];
  let rest = line;
  for (const part of parts) {
    const at = part ? rest.indexOf(part) : -1;
    if (at < 0) continue;
    if (at) found.push({ text: rest.slice(0, at), mark: false });
    found.push({ text: part, mark: true });
    rest = rest.slice(at + part.length);
  }
  if (rest) found.push({ text: rest, mark: false });
  return found;
}

/** How long `ms` is, in one or two units. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes < 10 && seconds % 60 ? `${minutes} m ${seconds % 60} s` : `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} m` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 && days < 10 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** How long ago `at` was, short enough for a column. */
export function age(at: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

const two = (number: number): string => String(number).padStart(2, "0");

/** The time of day, in this browser's zone, with the date where it is another day. */
export function clock(at: string | number, now = Date.now()): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "?";
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const today = new Date(now).toDateString() === date.toDateString();
  return today ? time : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

/** The same in UTC, whole. */
export function utc(at: string | number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "?" : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A camel-case key as words. */
export function words(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/[._]/g, " ").toLowerCase();
}

/** One line for a value of any kind. */
export function brief(value: unknown): string {
  if (value === null || value === undefined) return "\u2013";
  if (typeof value === "string") return value;
  if (typeof value === "number") return value.toLocaleString("en");
  return JSON.stringify(value);
}
