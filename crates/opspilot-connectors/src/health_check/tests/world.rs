//! A real web server with certificates of all kinds.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::*;

/// The ports of the servers, and the folder with the certificates.
#[derive(Debug)]
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) plain: u16,
    pub(super) good: u16,
    pub(super) expired: u16,
    pub(super) own: u16,
    pub(super) wrong: u16,
    pub(super) mutual: u16,
    child: Child,
}

impl Drop for World {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[expect(clippy::disallowed_methods, reason = "the test needs the real tool")]
pub(super) fn command(program: &str) -> std::process::Command {
    std::process::Command::new(program)
}

fn openssl(folder: &Path, arguments: &str) -> Option<()> {
    let run = command("openssl")
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .ok()?;
    assert!(
        run.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
    Some(())
}

/// Makes `NAME.pem` and `NAME.key`, issued by `ca.pem`.
fn issue(folder: &Path, name: &str, alternative: &str, days: i32) -> Option<()> {
    fs::write(
        folder.join("extensions"),
        format!("subjectAltName={alternative}\nbasicConstraints=CA:FALSE\n"),
    )
    .unwrap();
    openssl(
        folder,
        &format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ),
    )?;
    openssl(
        folder,
        &format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} -extfile extensions -out {name}.pem"
        ),
    )
}

fn certificates(folder: &Path) -> Option<()> {
    let anchor = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30";
    openssl(
        folder,
        &format!("req -x509 {anchor} -keyout ca.key -out ca.pem -subj /CN=anchor"),
    )?;
    let here = "IP:127.0.0.1,DNS:localhost";
    openssl(
        folder,
        &format!(
            "req -x509 {anchor} -keyout own.key -out own.pem -subj /CN=own -addext subjectAltName={here} -addext basicConstraints=critical,CA:FALSE"
        ),
    )?;
    issue(folder, "good", here, 20)?;
    issue(folder, "expired", here, 20)?;
    let rules = "[ca]\ndefault_ca = all\n[all]\ndatabase = index\nserial = serial\nnew_certs_dir = .\n\
                 default_md = sha256\npolicy = names\n[names]\ncommonName = supplied\n";
    fs::write(folder.join("ca.conf"), rules).unwrap();
    fs::write(folder.join("index"), "").unwrap();
    fs::write(folder.join("serial"), "1000\n").unwrap();
    openssl(
        folder,
        "ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca.key -in expired.csr -out expired.pem \
         -extfile extensions -startdate 20200101000000Z -enddate 20200201000000Z",
    )?;
    issue(folder, "wrong", "DNS:other.example", 20)?;
    issue(folder, "client", "DNS:client", 20)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl World {
    /// Starts it; `None` if a program is missing.
    pub(super) async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if certificates(folder.path()).is_none() {
            eprintln!("skipped: install openssl");
            return None;
        }
        let ports: [u16; 6] = std::array::from_fn(|_| free_port());
        let text = nginx(folder.path(), ports);
        fs::write(folder.path().join("nginx.conf"), text).unwrap();
        fs::write(folder.path().join("slow"), "x".repeat(100_000)).unwrap();
        let errors = fs::File::create(folder.path().join("errors")).unwrap();
        let started = command("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"))
            .stderr(Stdio::from(errors))
            .spawn();
        let Ok(child) = started else {
            eprintln!("skipped: install nginx-light");
            return None;
        };
        let [plain, good, expired, own, wrong, mutual] = ports;
        let world = Self {
            folder,
            plain,
            good,
            expired,
            own,
            wrong,
            mutual,
            child,
        };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", mutual))
                .await
                .is_ok()
            {
                return Some(world);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let errors = fs::read_to_string(world.folder.path().join("errors")).unwrap();
        panic!("nginx does not answer: {errors}");
    }

    /// The path of a file of the world.
    pub(super) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn nginx(folder: &Path, [plain, good, expired, own, wrong, mutual]: [u16; 6]) -> String {
    let folder = folder.display();
    let secure = |port: u16, name: &str, more: &str| {
        format!(
            "server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {folder}/{name}.pem; ssl_certificate_key {folder}/{name}.key; {more}
               location /down {{ return 302 http://127.0.0.1:{plain}/json; }}
               location / {{ return 200 '{{\"key\":\"$http_x_key\"}}'; }} }}\n"
        )
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/tmp-{kind};\n"))
        .concat();
    let verify = format!("ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;");
    [
        format!("daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\nhttp {{ access_log off; {temporary}"),
        format!(
            "server {{ listen 127.0.0.1:{plain}; root {folder};
            location /json {{ return 200 '{{\"status\":\"ok\",\"n\":[1,2],\"key\":\"$http_x_key\"}}'; }}
            location /slow {{ limit_rate 1; }}
            location /loop {{ return 302 /loop; }}
            location /closed {{ return 444; }}
            location /limited {{ add_header Retry-After 120 always; return 429; }}
            location /metadata {{ return 302 http://169.254.77.77/latest; }}
            location /file {{ return 302 file:///etc/passwd; }}
            location /inside {{ return 302 /json; }}
            location /away {{ return 307 https://127.0.0.1:{good}/; }} }}\n"
        ),
        secure(good, "good", ""),
        secure(expired, "expired", ""),
        secure(own, "own", ""),
        secure(wrong, "wrong", ""),
        secure(mutual, "good", &verify),
        "}\n".to_owned(),
    ]
    .concat()
}
