// A folder with a server of its own: the real binary, a log that it follows, an action that it may do after a second
// person approved it, and people with keys.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BINARY = resolve(process.env.OPSPILOT_SERVER ?? "");

/** How long the server may take to begin, in milliseconds. */
const PATIENCE = 20_000;

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Calls `look` until it gives something, or fails naming `what`. */
export async function until(what, look, patience = 10_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(50);
  }
}

export class Site {
  /** A site, whose settings `change` may change. */
  static async make(change = () => undefined) {
    const site = new Site();
    site.folder = mkdtempSync(join(tmpdir(), "opspilot-e2e-"));
    site.port = await freePort();
    site.url = `http://127.0.0.1:${site.port}`;
    mkdirSync(site.path("data"));
    mkdirSync(site.path("touched"));
    writeFileSync(site.path("app.log"), "");
    const settings = site.settings();
    await change(settings, site);
    writeFileSync(site.path("config.yaml"), JSON.stringify(settings));
    site.keys = {};
    for (const [label, role] of [["vera", "viewer"], ["otto", "operator"], ["olga", "operator"], ["anna", "admin"], ["abel", "admin"]]) {
      const made = site.run("key", "create", "--label", label, "--role", role, "--kind", "human");
      site.keys[label] = JSON.parse(made).apiKey;
    }
    return site;
  }

  path(name) {
    return join(this.folder, name);
  }

  settings() {
    const touch = (argument, more = {}) => ({
      description: "Asks the service manager to run the service",
      run: {
        type: "command",
        argv: ["/usr/bin/touch", "--", this.path(`touched/${argument}`)],
        writablePaths: [this.path("touched")],
        allowRoot: process.getuid() === 0,
        sandbox: { required: false },
      },
      ...more,
    });
    const action = (id, actionType, triggerPattern) => ({ id, actionType, description: `Restart ${id}`, triggerSeverity: ["critical"], triggerPattern });
    const rule = (id, pattern, severity, title, description) => ({ id, pattern, severity, title, description, cooldownMs: 0 });
    return {
      auth: { enabled: true },
      storage: { engine: "sqlite", durability: "fast", options: { dbPath: this.path("data/opspilot.db"), dataDir: this.path("data") } },
      modules: {
        "connector.fileTail": { enabled: true, paths: [this.path("app.log")], fromBeginning: true },
        "detector.regex": {
          enabled: true,
          maxIncidentsPerMinute: 0,
          rules: [
            rule("service-failed", "service (\\S+) FATAL (.*)", "critical", "Service failed", "$1: $2"),
            rule("disk-full", "disk (\\S+) is (\\d+)% full", "warning", "Disk almost full", "$1 at $2 %"),
            rule("deploy", "deployed (\\S+)", "info", "Deployed", "version $1"),
            rule("hostile", "HOSTILE (.*)", "warning", "Hostile line", "$1"),
          ],
        },
        "detector.threshold": {
          enabled: true,
          rules: [{
            id: "cpu", metric: "cpu=", valuePattern: "cpu=(\\S+)", threshold: 90, operator: "gt", minSamples: 3,
            severity: "info", title: "Processor busy", description: "$value is $operator $threshold",
          }],
        },
        "enricher.dedup": { enabled: false },
        "enricher.incidentStore": { enabled: true, maxIncidents: 50_000 },
        "action.safe": {
          enabled: true,
          proposalDelaySec: 0,
          actions: [action("checkout", "restart-checkout", "Service failed")],
          catalogue: {
            "restart-checkout": touch("checkout"),
            "rotate-keys": touch("keys", { policy: { approvers: 2, role: "operator" } }),
          },
        },
        "action.runbook": {
          enabled: true,
          runbooks: [{
            id: "disk", title: "A disk fills up", match: { severity: ["warning"], titlePattern: "Disk" },
            steps: [
              { kind: "manual", title: "Find what grew: du -xh / | sort -h | tail" },
              { kind: "manual", title: "Remove or move it" },
            ],
          }],
        },
        "action.escalation": {
          enabled: true,
          people: [{ id: "otto", name: "Otto" }, { id: "olga", name: "Olga" }],
          schedules: [{ id: "primary", timeZone: "Europe/Berlin", layers: [{ people: ["otto", "olga"], start: "2026-01-05T09:00", every: { weeks: 1 } }] }],
          policies: [],
        },
        "notifier.channels": {
          enabled: true,
          channels: [{ id: "file", type: "file", path: this.path("notifications.jsonl"), events: ["incident.created"] }],
        },
        "ui.api": { enabled: true, host: "127.0.0.1", port: this.port, rateLimitPerMinute: 0 },
        "ui.dashboard": { enabled: true },
      },
    };
  }

  run(...words) {
    return this.tell("", {}, ...words);
  }

  /** Runs a command that is told `input`, as a pipe would. */
  tell(input, environment, ...words) {
    const done = spawnSync(BINARY, ["--config", this.path("config.yaml"), "--json", ...words], { cwd: this.folder, encoding: "utf8", env: environment, input });
    if (done.status !== 0) throw new Error(`${words.join(" ")}: ${done.stderr}${done.stdout}`);
    return done.stdout;
  }

  async start() {
    const log = openSync(this.path("server.log"), "a");
    this.child = spawn(BINARY, ["--config", this.path("config.yaml")], { cwd: this.folder, stdio: ["ignore", log, log], env: {} });
    const { child } = this;
    process.once("exit", () => child.kill("SIGKILL"));
    await until("the server answers", async () => {
      if (this.child.exitCode !== null) throw new Error(`the server ended:\n${readFileSync(this.path("server.log"), "utf8").slice(-4_000)}`);
      return fetch(`${this.url}/api/health`).then(() => true, () => false);
    }, PATIENCE);
  }

  async stop(signal = "SIGTERM") {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    await ended;
  }

  log(...lines) {
    appendFileSync(this.path("app.log"), lines.map((line) => `${line}\n`).join(""));
  }

  async ask(who, method, path, body) {
    const answer = await fetch(`${this.url}/api${path}`, {
      method,
      headers: { "x-api-key": this.keys[who], ...(body ? { "content-type": "application/json" } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${JSON.stringify(said)}`);
    return said;
  }

  async end() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
