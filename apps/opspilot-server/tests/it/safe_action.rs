//! The whole way: a service that really fails, is found in its log, proposed for a restart, approved by a second person,
//! restarted, seen to work again, and proved from the audit log.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::common::files::Site;
use crate::common::server::{Ended, Server, command};
use crate::common::settings::{settings, with};

/// Keeps a service running whenever somebody asks for it, as a service manager does.
const MANAGER: &str = "\
while :; do
  if [ -e wanted ]; then
    rm -f wanted
    sh service.sh
  fi
  sleep 0.05
done
";

/// A service that works until something breaks it, and says so in its log.
const SERVICE: &str = "\
echo $$ > pid
echo \"service $$ is up\" >> ../app.log
touch healthy
while [ ! -e broken ]; do sleep 0.05; done
rm -f broken healthy
echo \"service $$ FATAL lost its worker; exiting\" >> ../app.log
exit 1
";

/// A service manager that is ended with the test.
struct Manager(Child);

impl Manager {
    #[expect(
        clippy::disallowed_methods,
        reason = "the service of this test is a process"
    )]
    fn start(site: &Site) -> Self {
        site.write("svc/manager.sh", MANAGER);
        site.write("svc/service.sh", SERVICE);
        site.write("svc/wanted", "");
        let manager = std::process::Command::new("/bin/sh")
            .arg("manager.sh")
            .current_dir(site.path("svc"))
            .stdin(Stdio::null())
            .process_group(0)
            .spawn();
        Self(manager.expect("a shell can be started"))
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        // The service is in the manager's group.
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.0.wait().ok();
    }
}

fn configure(site: &Site) {
    let folder = site.path("svc");
    let in_folder = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let is_root = rustix::process::geteuid().is_root();
    let settings = with(settings(site), "/auth", json!({ "enabled": true }));
    let settings = with(
        settings,
        "/modules/detector.regex/rules",
        json!([{
            "id": "fatal",
            "pattern": r"service (\d+) FATAL",
            "severity": "critical",
            "title": "Service failed",
            "description": "service $1 failed",
            "cooldownMs": 0,
        }]),
    );
    let settings = with(
        settings,
        "/modules/action.safe",
        json!({
            "enabled": true,
            "proposalDelaySec": 0,
            "actions": [{
                "id": "service-down",
                "actionType": "restart-service",
                "description": "Restart the service",
                "triggerSeverity": ["critical"],
                "triggerPattern": "service failed",
            }],
            "catalogue": { "restart-service": {
                "description": "Asks the service manager to run the service",
                "run": {
                    "type": "command",
                    "argv": ["/usr/bin/touch", in_folder("wanted")],
                    "writablePaths": [in_folder("")],
                    "allowRoot": is_root,
                    "sandbox": { "required": false },
                },
                "postCondition": {
                    "type": "command",
                    "argv": ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do [ -e healthy ] && exit 0; sleep 0.5; done; exit 1"],
                    "folder": in_folder(""),
                    "allowRoot": is_root,
                    "sandbox": { "required": false },
                },
            } },
        }),
    );
    site.configure(&settings);
}

/// Runs a command in `site` with the key of somebody.
fn run(site: &Site, arguments: &[&str], key: &str) -> Ended {
    let arguments = [&["--config", "config.yaml", "--json"], arguments].concat();
    let mut command = command(&arguments);
    command.current_dir(site.folder());
    if !key.is_empty() {
        command.env("OPSPILOT_API_KEY", key);
    }
    Ended::of(&mut command)
}

fn json_of(ended: &Ended) -> Value {
    assert_eq!(ended.code(), 0, "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).expect("the command prints JSON")
}

fn key(site: &Site, label: &str, role: &str) -> String {
    let create = [
        "key", "create", "--label", label, "--role", role, "--kind", "human",
    ];
    let made = json_of(&run(site, &create, ""));
    made["apiKey"].as_str().expect("a key").to_owned()
}

fn url(site: &Site) -> String {
    let greeting = site.read("stdout.log");
    let url = greeting
        .lines()
        .find_map(|line| line.trim().strip_prefix("API"));
    url.expect("the server says where it is").trim().to_owned()
}

/// The command `approvals` of whoever has `key`.
fn approvals(site: &Site, arguments: &[&str], key: &str) -> Ended {
    let url = url(site);
    let all = [&["approvals", "--server", &url], arguments].concat();
    run(site, &all, key)
}

fn requests(site: &Site, status: &str, key: &str) -> Vec<Value> {
    let list = json_of(&approvals(site, &["list", "--status", status], key));
    list["requests"].as_array().expect("a list").clone()
}

#[test]
fn a_service_that_failed_is_restarted_once_a_second_person_approved_and_the_record_proves_it() {
    let site = Site::new();
    site.write("app.log", "");
    configure(&site);
    let (viewer, operator) = (key(&site, "vera", "viewer"), key(&site, "otto", "operator"));
    let _manager = Manager::start(&site);
    let server = Server::start(&site);
    let healthy = || site.path("svc/healthy").exists().then_some(());
    server.until("the service is up", healthy);
    let first = site.read("svc/pid");

    site.write("svc/broken", "");
    let proposal = server.until("the restart is proposed", || {
        requests(&site, "pending", &viewer).pop()
    });
    assert!(!site.path("svc/healthy").exists(), "nobody approved yet");
    assert_eq!(proposal["requestedBy"], "action.safe");
    let argv = &proposal["actions"][0]["plan"]["effect"]["argv"];
    assert_eq!(argv[0], "/usr/bin/touch", "{proposal}");
    let id = proposal["id"].as_str().expect("an id");

    let refused = approvals(&site, &["approve", id], &viewer);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.stderr.contains("403"), "{}", refused.stderr);
    let decided = approvals(
        &site,
        &["approve", id, "--reason", "known fault"],
        &operator,
    );
    assert_eq!(json_of(&decided)["message"], "approved");

    server.until("the service is up again", healthy);
    let done = server.until("the action is over", || {
        requests(&site, "succeeded,failed,unknown", &viewer).pop()
    });
    assert_eq!(done["status"], "succeeded", "{done}\n{}", server.messages());
    assert_ne!(site.read("svc/pid"), first, "it is another process");
    let again = approvals(&site, &["approve", id], &operator);
    assert_eq!(again.code(), 1, "an approval is for once: {again:?}");
    server.stop();

    let export = run(&site, &["audit", "export", "--output", "audit.jsonl"], "");
    assert_eq!(export.code(), 0, "{}", export.stderr);
    let public_key = run(&site, &["audit", "key"], "");
    let verified = Ended::run(site.folder(), &["audit", "verify", "audit.jsonl"]);
    assert_eq!(
        verified.code(),
        0,
        "{}{}",
        verified.stderr,
        public_key.stdout
    );
    let told: Vec<(String, String)> = site
        .read("audit.jsonl")
        .lines()
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let entry = line.get("entry")?;
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            (text("action").starts_with("action.") || text("action") == "auth.forbidden")
                .then(|| (text("action"), text("actor")))
        })
        .collect();
    let expected = [
        ("action.requested", "action.safe"),
        ("auth.forbidden", "vera"),
        ("action.approved", "otto"),
        ("action.started", "core"),
        ("action.executed", "core"),
        ("action.refused", "otto"),
    ]
    .map(|(action, actor)| (action.to_owned(), actor.to_owned()));
    assert_eq!(told, expected);
}
