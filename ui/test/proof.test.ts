import { generateKeyPairSync, sign, createHash } from "node:crypto";
import { describe, expect, test } from "vitest";

import { prove } from "../src/proof";

// A small log of our own, made by the words of docs/AUDIT.md with another library than the one that reads it.
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const point = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
const body = Buffer.concat([Buffer.from([1]), point]);
const sha = (...parts: Uint8Array[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const id = sha(Buffer.from("opspilot-audit\n"), body).subarray(0, 4);
const KEY = `opspilot-audit+${id.toString("hex")}+${body.toString("base64")}`;

function checkpoint(size: number, hash: Buffer, part = ""): string {
  const note = `opspilot-audit\n${size}\n${hash.toString("base64")}\ntime 2026-02-20T12:00:00Z\n${part}`;
  const signature = Buffer.concat([id, sign(null, Buffer.from(note), privateKey)]).toString("base64");
  return JSON.stringify({ checkpoint: `${note}\n\u2014 opspilot-audit ${signature}\n` });
}

function log(count: number): string[] {
  const lines = [JSON.stringify({ format: "opspilot-audit", version: 1, publicKey: KEY, base: null })];
  let hash = Buffer.alloc(32);
  for (let seq = 1; seq <= count; seq += 1) {
    const entry = `{"seq":${seq},"at":"2026-02-20T12:00:00Z","action":"x","actor":"ottö"}`;
    const next = sha(Buffer.from([1]), hash, Buffer.from(entry));
    lines.push(`{"hash":"${next.toString("hex")}","prev":"${hash.toString("hex")}","entry":${entry}}`);
    hash = next;
  }
  return [...lines, checkpoint(count, hash, `export 1-${count}\n`)];
}

const read = (lines: string[], end = "\n") => {
  const bytes = new TextEncoder().encode(lines.join("\n") + end);
  // Pieces that end in the middle of a character.
  const pieces = Array.from({ length: Math.ceil(bytes.length / 97) }, (_, at) => bytes.subarray(at * 97, at * 97 + 97));
  return prove(new ReadableStream({ start: (to) => { for (const piece of pieces) to.enqueue(piece); to.close(); } }), KEY);
};

describe("the proof", () => {
  test("a log as it was written is whole", async () => {
    expect(await read(log(20))).toMatchObject({ whole: true, entries: 20, checkpoints: 1, signed: true, fault: "" });
    expect(await read(log(0))).toMatchObject({ whole: true, entries: 0 });
  });

  test("the first entry that is wrong is named", async () => {
    const changed = log(20);
    changed[7] = changed[7]!.replace("ottö", "olga");
    expect(await read(changed)).toMatchObject({ whole: false, bad: 7, entries: 6 });
    const removed = log(20);
    removed.splice(5, 1);
    expect(await read(removed)).toMatchObject({ whole: false, bad: 5 });
    const swapped = log(20);
    [swapped[3], swapped[4]] = [swapped[4]!, swapped[3]!];
    expect(await read(swapped)).toMatchObject({ whole: false, bad: 3 });
    const doubled = log(20);
    doubled.splice(5, 0, doubled[5]!);
    expect(await read(doubled)).toMatchObject({ whole: false, bad: 6 });
  });

  test("what is cut off, goes on, or is signed by another is not whole", async () => {
    const whole = log(4);
    expect((await read(whole.slice(0, -1))).fault).toMatch(/cut off/);
    expect((await read(whole, "")).fault).toMatch(/cut off/);
    expect((await read([...whole, whole[1]!])).fault).toMatch(/follows the end/);
    expect((await read([])).fault).toMatch(/header/);
    const other = log(4);
    // Not the last character: some of its bits mean nothing.
    const signature = /([A-Za-z0-9+/])([A-Za-z0-9+/]{4}={0,2}\\n"\})$/;
    other[5] = other[5]!.replace(signature, (_, char: string, end: string) => (char === "A" ? "B" : "A") + end);
    expect(other[5]).not.toBe(log(4)[5]);
    expect((await read(other)).whole).toBe(false);
    const half = checkpoint(4, Buffer.alloc(32, 1), "export 1-4\n");
    expect((await read([...whole.slice(0, -1), half])).fault).toMatch(/signs another/);
  });
});
