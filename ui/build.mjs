// Builds the dashboard and the page that shows the API: pages, scripts and styles, named by the hash of their bytes, and
// the table from which the server embeds them. `node build.mjs FOLDER` writes below FOLDER instead, to be compared.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants, gzipSync } from "node:zlib";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const committed = join(here, "../crates/opspilot-http");
const root = process.argv[2] ?? committed;

/** The most bytes that script and style may have together, packed: of the dashboard, and of the page that shows the API. */
const BUDGET = 60_000;
const DOCS_BUDGET = 15_000;

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

const scripted = (entry, outfile) => bundle(entry, outfile, { format: "esm", target: "es2022", jsx: "automatic", jsxImportSource: "preact" });
const styled = (entry, outfile) => bundle(entry, outfile, { target: ["chrome120", "firefox121", "safari17"] });

const script = await scripted("src/main.tsx", "app.js");
const style = await styled("src/style/main.css", "app.css");
const docsScript = await scripted("src/docs.tsx", "docs.js");
const docsStyle = await styled("src/style/docs.css", "docs.css");
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
  named("docs", "css", "text/css; charset=utf-8", docsStyle),
  named("docs", "js", "text/javascript; charset=utf-8", docsScript),
];

/** `bytes` packed with Brotli. Another version of the encoder may pack otherwise: what is there is kept while it unpacks to the same. */
const packed = (name, bytes) => {
  const known = join(committed, "assets", `${name}.br`);
  const kept = existsSync(known) && readFileSync(known);
  if (kept && brotliDecompressSync(kept).equals(bytes)) return kept;
  return brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });
};
for (const file of files) file.brotli = packed(file.name, file.bytes);
const [css, js, svg, docsCss, docsJs] = files;
const places = { css, js, icon: svg, "docs-css": docsCss, "docs-js": docsJs };

/** A page with the names of its files. */
const paged = (source) => readFileSync(join(here, source), "utf8").replace(/\{([a-z-]+)\}/g, (_, place) => places[place].name);
const pages = { "index.html": paged("src/index.html"), "docs.html": paged("src/docs.html") };

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
        brotli: include_bytes!("../../assets/${name}.br"),
    },
`,
);
const table = `//! The files of the dashboard. Written by \`cargo xtask ui\`; edits are lost.

use super::site::File;

/// The dashboard's page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The page that shows the API.
pub(super) const DOCS: &str = include_str!("../../assets/docs.html");

/// The files that they name.
pub(super) const FILES: &[File] = &[
${rows.join("")}];
`;

const assets = join(root, "assets");
mkdirSync(assets, { recursive: true });
mkdirSync(join(root, "src/dashboard"), { recursive: true });
for (const old of readdirSync(assets)) rmSync(join(assets, old));
for (const { name, bytes, brotli } of files) {
  writeFileSync(join(assets, name), bytes);
  writeFileSync(join(assets, `${name}.br`), brotli);
}
for (const [name, page] of Object.entries(pages)) writeFileSync(join(assets, name), page);
writeFileSync(join(assets, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(root, "src/dashboard/bundle.rs"), table);

const weigh = (what, budget, some) => {
  const sizes = some.map((bytes) => gzipSync(bytes, { level: 9 }).length);
  const all = sizes.reduce((sum, size) => sum + size);
  const brotli = files.filter(({ bytes }) => some.includes(bytes)).reduce((sum, file) => sum + file.brotli.length, 0);
  console.log(`${what}: ${all} bytes with gzip (script ${sizes[0]}, style ${sizes[1]}), ${brotli} with Brotli`);
  if (all <= budget) return;
  console.error(`${what}: more than ${budget} bytes packed; leave something out`);
  process.exitCode = 1;
};
weigh("dashboard", BUDGET, [script, style]);
weigh("page of the API", DOCS_BUDGET, [docsScript, docsStyle]);
