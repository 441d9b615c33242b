// Proves an export of the audit log in the browser, as docs/AUDIT.md says: hashes, order, signatures, completeness.

const ZERO = new Uint8Array(32);
const LONGEST = 1 << 20;
const encoder = new TextEncoder();

export interface Proof {
  whole: boolean;
  entries: number;
  checkpoints: number;
  /** `false` where this browser cannot check signatures. */
  signed: boolean;
  key: string;
  head: string;
  /** What is wrong, from the first thing that is. */
  fault: string;
  /** The number of the first entry that is wrong, where it is an entry. */
  bad: number | null;
}

class Fault extends Error {
  constructor(
    message: string,
    readonly seq: number | null = null,
  ) {
    super(message);
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const base64 = (text: string): Bytes | null => {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
};

async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

const same = (one: Uint8Array, other: Uint8Array): boolean => one.length === other.length && one.every((byte, at) => byte === other[at]);

const unhex = (text: string): Bytes | null =>
  /^[0-9a-f]{64}$/.test(text) ? Uint8Array.from(text.match(/../g) ?? [], (two) => parseInt(two, 16)) : null;

interface Key {
  text: string;
  id: Bytes;
  /** `null` where this browser knows no Ed25519. */
  check: CryptoKey | null;
}

async function key(text: string): Promise<Key> {
  const [name, id, body, more] = text.split("+", 3).length === 3 ? splitKey(text) : [];
  const bytes = body ? base64(body) : null;
  if (name !== "opspilot-audit" || more || !bytes || bytes.length !== 33 || bytes[0] !== 1) throw new Fault("the key is malformed");
  const point = bytes.slice(1);
  const named = (await sha256(encoder.encode("opspilot-audit\n"), bytes)).slice(0, 4);
  if (hex(named) !== id) throw new Fault("the key has another id than it says");
  let check: CryptoKey | null = null;
  try {
    check = await crypto.subtle.importKey("raw", point, "Ed25519", false, ["verify"]);
  } catch {
    // Older browsers have no Ed25519; the page says so.
  }
  return { text, id: named, check };
}

/** Base64 may hold `+` itself. */
function splitKey(text: string): (string | undefined)[] {
  const first = text.indexOf("+");
  const second = text.indexOf("+", first + 1);
  return [text.slice(0, first), text.slice(first + 1, second), text.slice(second + 1)];
}

interface Checkpoint {
  size: number;
  hash: Bytes;
  part: [number, number] | null;
}

async function checkpoint(note: unknown, signer: Key, at: number): Promise<Checkpoint> {
  const wrong = (why: string): Fault => new Fault(`the checkpoint over entry ${at} does not count: ${why}`, at || null);
  if (typeof note !== "string") throw wrong("it is not a text");
  const cut = note.indexOf("\n\n");
  if (cut < 0) throw wrong("it has no signature");
  const body = note.slice(0, cut + 1);
  const lines = body.split("\n");
  const hash = base64(lines[2] ?? "");
  const size = Number(lines[1]);
  if (lines[0] !== "opspilot-audit" || !/^\d+$/.test(lines[1] ?? "") || hash?.length !== 32) throw wrong("it is malformed");
  const signatures = note
    .slice(cut + 2)
    .split("\n")
    .map((line) => /^\u2014 opspilot-audit ([A-Za-z0-9+/=]+)$/.exec(line)?.[1])
    .map((text) => (text ? base64(text) : null))
    .filter((bytes): bytes is Bytes => bytes?.length === 68 && same(bytes.slice(0, 4), signer.id));
  const signature = signatures[0];
  if (!signature) throw wrong("this key has not signed it");
  if (signer.check && !(await crypto.subtle.verify("Ed25519", signer.check, signature.slice(4), encoder.encode(body)))) {
    throw wrong("its signature is wrong");
  }
  const part = lines.map((line) => /^export (\d+)-(\d+)$/.exec(line)).find(Boolean);
  return { size, hash, part: part ? [Number(part[1]), Number(part[2])] : null };
}

/** The bytes of an entry's line: `{"hash":"…","prev":"…","entry":{…}}`. */
const ENTRY = /^\{"hash":"([0-9a-f]{64})","prev":"([0-9a-f]{64})","entry":([^]*)\}$/;

async function* split(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST) throw new Fault("a line is longer than 1 MiB");
    yield* lines;
    if (done) break;
  }
  if (rest) throw new Fault("the export was cut off: its last line has no end");
}

interface Header {
  key: Key;
  base: Checkpoint | null;
}

async function header(line: string | undefined, trusted: string): Promise<Header> {
  let first: { format?: unknown; version?: unknown; publicKey?: unknown; base?: unknown } = {};
  try {
    first = JSON.parse(line ?? "") as typeof first;
  } catch {
    throw new Fault("the first line is not the header of an audit log");
  }
  if (first.format !== "opspilot-audit" || first.version !== 1) throw new Fault("this is not an audit log of version 1");
  if (first.publicKey !== trusted) throw new Fault("the export names another key than the server");
  const signer = await key(trusted);
  return { key: signer, base: first.base === null ? null : await checkpoint(first.base, signer, 0) };
}

/** Reads the whole export and says whether nobody changed it. `trusted` is the public key of the server. */
export async function prove(
  stream: ReadableStream<Uint8Array>,
  trusted: string,
  progress: (entries: number) => void = () => undefined,
): Promise<Proof> {
  const proof: Proof = { whole: false, entries: 0, checkpoints: 0, signed: true, key: trusted, head: "", fault: "", bad: null };
  try {
    const lines = split(stream);
    const first = await lines.next();
    const { key: signer, base } = await header(first.value ?? undefined, trusted);
    proof.signed = signer.check !== null;
    let [size, hash] = [base?.size ?? 0, base?.hash ?? ZERO];
    const start = size + 1;
    let pruned: unknown = base ? null : 0;
    let isEnded = false;
    for await (const line of lines) {
      if (isEnded) throw new Fault("something follows the end of the export");
      const found = ENTRY.exec(line);
      if (found) {
        const [, told = "", prev = "", body = ""] = found;
        const seq = size + 1;
        const is = await sha256(Uint8Array.of(1), unhex(prev) ?? ZERO, encoder.encode(body));
        if (hex(is) !== told) throw new Fault(`entry ${seq} was changed: its bytes do not have the hash beside them`, seq);
        const entry = JSON.parse(body) as { seq?: unknown; action?: unknown; details?: { last?: unknown } };
        if (prev !== hex(hash) || entry.seq !== seq) {
          throw new Fault(`entry ${seq} is not there: another stands in its place, or one before it was changed with its hash`, seq);
        }
        if (entry.action === "audit.pruned") pruned = entry.details?.last;
        [size, hash] = [seq, is];
        proof.entries += 1;
        if (proof.entries % 500 === 0) progress(proof.entries);
        continue;
      }
      let note: { checkpoint?: unknown } = {};
      try {
        note = JSON.parse(line) as typeof note;
      } catch {
        throw new Fault(`what follows entry ${size} is no line of an audit log`, size + 1);
      }
      const signed = await checkpoint(note.checkpoint, signer, size);
      if (signed.size !== size || !same(signed.hash, hash)) throw new Fault(`a checkpoint signs another entry ${signed.size} than is there`, size);
      proof.checkpoints += 1;
      if (signed.part) {
        if (signed.part[0] !== start || signed.part[1] !== size) throw new Fault("the export does not begin and end where its last line says");
        isEnded = true;
      }
    }
    if (!isEnded) throw new Fault("the export was cut off: the signature that ends it is missing");
    if (base && pruned !== base.size) throw new Fault("no entry tells of the removal of the entries before the first");
    proof.head = hex(hash);
    proof.whole = true;
  } catch (error) {
    proof.fault = error instanceof Error ? error.message : String(error);
    if (error instanceof Fault) proof.bad = error.seq;
  }
  return proof;
}
