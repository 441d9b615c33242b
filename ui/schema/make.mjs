// Writes the types of what the API sends, from its OpenAPI document: `node make.mjs [FILE]`. The generator works with an
// older compiler than the one that checks the dashboard, so it is a package of its own.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import openapiTS, { astToString } from "openapi-typescript";

const here = dirname(fileURLToPath(import.meta.url));
const file = process.argv[2] ?? join(here, "../src/schema.d.ts");

const whole = JSON.parse(readFileSync(join(here, "../../docs/reference/openapi.json"), "utf8"));
// The dashboard has its own way of asking; it needs the types alone.
const schemas = { ...whole, paths: {}, components: { schemas: whole.components.schemas } };

const types = astToString(await openapiTS(schemas, { silent: true }));
writeFileSync(file, `// Made from docs/reference/openapi.json by \`cargo xtask ui\`: do not change it here.\n\n${types}`);
