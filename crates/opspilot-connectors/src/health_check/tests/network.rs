//! Probes of a real web server, of sockets, and of names.

use std::fmt::Write as _;

use super::world::World;
use super::*;

/// Tries endpoints, each given by its URL and more options, and gives what each came to.
async fn outcomes(rows: &[(&str, String)], more: &str) -> Vec<Tried> {
    let mut yaml = format!("timeoutMs: 1000\n{more}\nendpoints:\n");
    for (index, (_, options)) in rows.iter().enumerate() {
        writeln!(yaml, "- {{id: e{index}, name: E, {options}}}").unwrap();
    }
    tried(&yaml).await
}

/// Tries rows of an expectation and options: the message must contain what is expected; empty means up and well.
pub(super) async fn check(rows: &[(&str, String)], more: &str) {
    let trials = outcomes(rows, more).await;
    for ((expected, options), trial) in rows.iter().zip(&trials) {
        let message = message_of(trial).unwrap_or_default();
        assert_eq!(
            expected.is_empty(),
            message.is_empty(),
            "{options}: {message}"
        );
        assert!(message.contains(expected), "{options}: {message}");
        assert_eq!(
            trial.outcome.result.is_ok(),
            expected.is_empty(),
            "{options}"
        );
        assert!(!format!("{trial:?}").contains("s3cret"), "{trial:?}");
    }
}

#[tokio::test]
async fn http_answers_are_judged() {
    let Some(world) = World::start().await else {
        return;
    };
    let url =
        |path: &str, more: &str| format!("url: 'http://127.0.0.1:{}/{path}'{more}", world.plain);
    check(
        &[
            ("", url("json", "")),
            ("", url("json", ", method: HEAD")),
            (
                "",
                url(
                    "json",
                    ", headers: {x-key: s3cret}, expectedJson: [{pointer: /key, equals: s3cret}]",
                ),
            ),
            (
                "",
                url(
                    "json",
                    ", expectedBodyContains: 'ok', expectedBodyMatches: '\\[1,\\d\\]'",
                ),
            ),
            (
                "",
                url(
                    "json",
                    ", expectedJson: [{pointer: /n/1, equals: 2}, {pointer: /status}]",
                ),
            ),
            (
                "does not contain `fine`",
                url("json", ", expectedBodyContains: fine"),
            ),
            (
                "does not match `^x`",
                url("json", ", expectedBodyMatches: '^x'"),
            ),
            (
                "has no 3 at `/n/1`",
                url("json", ", expectedJson: [{pointer: /n/1, equals: 3}]"),
            ),
            (
                "has nothing at `/m`",
                url("json", ", expectedJson: [{pointer: /m}]"),
            ),
            ("answered 404 Not Found, expected 200", url("none", "")),
            ("", url("none", ", expectedStatus: 404")),
            ("", url("none", ", expectedStatus: [2xx, '400-404']")),
            ("answered 429 Too Many Requests", url("limited", "")),
            (
                "timed out after 1000 ms",
                url("slow", ", expectedBodyContains: y"),
            ),
            ("connection closed", url("closed", "")),
        ],
        "",
    )
    .await;
}

#[tokio::test]
async fn redirects_lead_where_they_may() {
    let Some(world) = World::start().await else {
        return;
    };
    let url =
        |path: &str, more: &str| format!("url: 'http://127.0.0.1:{}/{path}'{more}", world.plain);
    check(
        &[
            ("more than 10 redirects", url("loop", "")),
            ("", url("inside", "")),
            (
                "answered 302 Found, expected 200",
                url("inside", ", maxRedirects: 0"),
            ),
            ("", url("inside", ", maxRedirects: 0, expectedStatus: 302")),
            ("link-local", url("metadata", "")),
            ("link-local", "url: 'http://169.254.77.77/'".to_owned()),
            ("link-local", "url: 'http://2852015437/'".to_owned()),
            (
                "link-local",
                "url: 'http://[::ffff:169.254.77.77]/'".to_owned(),
            ),
            ("refused: redirected away", url("file", "")),
            (
                "refused: redirected with a body",
                url("away", ", method: POST, body: s3cret"),
            ),
            (
                "connection refused",
                "url: 'http://127.0.0.1:1/'".to_owned(),
            ),
            (
                "DNS: `nowhere.invalid`",
                "url: 'http://nowhere.invalid/'".to_owned(),
            ),
        ],
        "",
    )
    .await;
}

#[tokio::test]
async fn certificates_are_judged_and_named() {
    let Some(world) = World::start().await else {
        return;
    };
    let anchor = format!(", caFile: {}", world.file("ca.pem"));
    let own = format!(", caFile: {}", world.file("own.pem"));
    let client = format!(
        ", clientCertificate: {{certificateFile: {}, keyFile: {}}}",
        world.file("client.pem"),
        world.file("client.key")
    );
    let https = |port: u16, more: &str| format!("url: 'https://127.0.0.1:{port}/'{more}");
    let handshake = |port: u16, more: &str| format!("url: 'tls://127.0.0.1:{port}'{more}");
    let json = ", expectedJson: [{pointer: /key, equals: ''}]";
    let away = format!(
        "url: 'http://127.0.0.1:{}/away', headers: {{x-key: s3cret}}{anchor}{json}",
        world.plain
    );
    check(
        &[
            ("", https(world.good, &anchor)),
            (
                "",
                format!("url: 'https://localhost:{}/'{anchor}", world.good),
            ),
            ("", handshake(world.good, &anchor)),
            ("unknown issuer", https(world.good, "")),
            ("unknown issuer", handshake(world.own, &anchor)),
            ("", https(world.own, &own)),
            (
                "certificate expired on 2020-02-01",
                https(world.expired, &anchor),
            ),
            (
                "certificate expired on 2020-02-01",
                handshake(world.expired, &anchor),
            ),
            (
                "certificate is not for `127.0.0.1` but for `other.example`",
                https(world.wrong, &anchor),
            ),
            (
                "certificate is not for `127.0.0.1` but for `other.example`",
                handshake(world.wrong, &anchor),
            ),
            ("answered 400", https(world.mutual, &anchor)),
            ("", https(world.mutual, &format!("{anchor}{client}"))),
            (
                "cannot read `/nowhere`",
                https(world.good, ", caFile: /nowhere"),
            ),
            (
                "no certificates (PEM)",
                https(world.good, &format!(", caFile: {}", world.file("ca.key"))),
            ),
            (
                "is not a file of at most",
                https(world.good, ", caFile: /dev/zero"),
            ),
            ("does not speak TLS", handshake(world.plain, &anchor)),
            // The header stays at home; the other host is asked without it.
            ("", away),
            (
                "redirected away from HTTPS",
                format!("url: 'https://127.0.0.1:{}/down'{anchor}", world.good),
            ),
        ],
        "",
    )
    .await;
    let soon = https(world.good, &format!("{anchor}, certificateWarningDays: 30"));
    let trial = outcomes(&[("", soon)], "").await.remove(0);
    assert!(trial.outcome.result.is_ok());
    let message = message_of(&trial).unwrap();
    assert!(message.starts_with("certificate ends on 20"), "{message}");
    assert!(
        matches!(trial.outcome.certificate_days, Some(19 | 20)),
        "{:?}",
        trial.outcome.certificate_days
    );
}

#[tokio::test]
async fn sockets_and_names_are_probed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    check(
        &[
            ("", format!("url: 'tcp://127.0.0.1:{port}'")),
            ("", format!("url: 'tcp://localhost:{port}'")),
            ("connection refused", "url: 'tcp://127.0.0.1:1'".to_owned()),
            ("link-local", "url: 'tcp://2852015437:80'".to_owned()),
            ("link-local", "url: 'tls://169.254.77.77:443'".to_owned()),
            (
                "",
                "url: 'dns://localhost?type=A', expectedAnswers: [127.0.0.1]".to_owned(),
            ),
            (
                "does not lead to 10.0.0.1 but to 127.0.0.1",
                "url: 'dns://localhost', expectedAnswers: [10.0.0.1]".to_owned(),
            ),
            (
                "DNS: `nowhere.invalid`",
                "url: 'dns://nowhere.invalid'".to_owned(),
            ),
            // It accepts and says nothing.
            (
                "timed out after 1000 ms",
                format!(
                    "url: 'tls://127.0.0.1:{port}', caFile: /etc/ssl/certs/ca-certificates.crt"
                ),
            ),
            (
                "timed out after 1000 ms",
                format!("url: 'http://127.0.0.1:{port}/'"),
            ),
        ],
        "",
    )
    .await;
}

#[tokio::test]
async fn a_listed_network_is_reached() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Linux takes it for this machine.
    let row = |expected| (expected, format!("url: 'tcp://0.0.0.0:{port}'"));
    check(&[row("no address of a host")], "").await;
    check(&[row("")], "allowedNetworks: [0.0.0.0/8]").await;
}

#[tokio::test]
async fn a_check_connects_where_a_probe_would_post() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let yaml = format!(
        "endpoints:\n- {{id: a, name: A, url: 'http://127.0.0.1:{port}/pay', method: POST, body: '{{}}'}}\n\
         - {{id: b, name: B, url: 'http://127.0.0.1:1/pay', method: POST}}"
    );
    let mut module = HealthCheck::new(config(&yaml)).unwrap();
    let cx = TrialContext::new(MANIFEST.id, SystemClock::shared());
    let (trials, received) = tokio::join!(module.trial(&cx), async {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut peer, &mut received)
            .await
            .unwrap();
        received
    });
    assert_eq!(received, b"", "nothing is sent");
    let note = trials[0].note.as_deref().unwrap();
    assert!(trials[0].is_ok() && note.contains("is not sent"), "{note}");
    let fault = trials[1].fault.as_deref().unwrap();
    assert!(fault.contains("connection refused"), "{fault}");
}
