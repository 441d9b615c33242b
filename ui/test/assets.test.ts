import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";

import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "../../crates/opspilot-http/assets");

test("every packed file unpacks to the one beside it, and is smaller", () => {
  const packed = readdirSync(folder).filter((name) => name.endsWith(".br"));
  expect(packed.length).toBeGreaterThanOrEqual(5);
  for (const name of packed) {
    const [bytes, plain] = [name, name.replace(/\.br$/, "")].map((one) => readFileSync(join(folder, one)));
    expect(brotliDecompressSync(bytes!).equals(plain!), name).toBe(true);
    expect(bytes!.length, name).toBeLessThan(plain!.length);
  }
});
