// Builds the dashboard: the page, its script and its style, named by the hash of their bytes, and the table from which
// the server embeds them. `node build.mjs FOLDER` writes below FOLDER instead, to be compared.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = process.argv[2] ?? join(here, "../crates/opspilot-http");

/** The most bytes that script and style may have together, packed. */
const BUDGET = 60_000;

const bundle = async (entry, outfile, more = {}) => {
  const made = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    write: false,
    legalComments: "none",
    logLevel: "warning",
    ...more,
  });
  return Buffer.from(made.outputFiles[0].contents);
};

const script = await bundle("src/main.tsx", "app.js", {
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
});
const style = await bundle("src/style/main.css", "app.css", { target: ["chrome120", "firefox121", "safari17"] });
const icon = readFileSync(join(here, "src/icon.svg"));

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const named = (stem, ending, type, bytes) => ({
  name: `${stem}-${sha256(bytes).slice(0, 12)}.${ending}`,
  type,
  bytes,
});
const files = [
  named("app", "css", "text/css; charset=utf-8", style),
  named("app", "js", "text/javascript; charset=utf-8", script),
  named("icon", "svg", "image/svg+xml", icon),
];
const [css, js, svg] = files;
const page = readFileSync(join(here, "src/index.html"), "utf8")
  .replace("{css}", css.name)
  .replace("{js}", js.name)
  .replace("{icon}", svg.name);

const versions = JSON.parse(readFileSync(join(here, "package.json"), "utf8")).dependencies;
const licence = (name) => JSON.parse(readFileSync(join(here, "node_modules", name, "package.json"), "utf8")).license;
const manifest = {
  files: files.map(({ name, bytes }) => ({ name, bytes: bytes.length, sha256: sha256(bytes) })),
  holds: Object.entries(versions).map(([name, version]) => ({ name, version, licence: licence(name) })),
};

const rows = files.map(
  ({ name, type }) => `    File {
        name: "${name}",
        kind: "${type}",
        bytes: include_bytes!("../../assets/${name}"),
    },
`,
);
const table = `//! The files of the dashboard. Written by \`cargo xtask ui\`; edits are lost.

use super::site::File;

/// The page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The files that it names.
pub(super) const FILES: &[File] = &[
${rows.join("")}];
`;

const assets = join(root, "assets");
mkdirSync(assets, { recursive: true });
mkdirSync(join(root, "src/dashboard"), { recursive: true });
for (const old of readdirSync(assets)) rmSync(join(assets, old));
for (const { name, bytes } of files) writeFileSync(join(assets, name), bytes);
writeFileSync(join(assets, "index.html"), page);
writeFileSync(join(assets, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(root, "src/dashboard/bundle.rs"), table);

const packed = [script, style].map((bytes) => gzipSync(bytes, { level: 9 }).length);
const all = packed[0] + packed[1];
console.log(`dashboard: ${script.length + style.length} bytes, ${all} packed (script ${packed[0]}, style ${packed[1]})`);
if (all > BUDGET) {
  console.error(`dashboard: more than ${BUDGET} bytes packed; leave something out`);
  process.exit(1);
}
