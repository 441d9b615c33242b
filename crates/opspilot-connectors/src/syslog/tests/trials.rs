//! `check --online`.

use super::super::*;
use super::{Config, MANIFEST, Syslog, SystemClock};

async fn tried(yaml: &str) -> Vec<Trial> {
    let mut module = Syslog::new(serde_saphyr::from_str::<Config>(yaml).unwrap()).unwrap();
    let cx = TrialContext::new(MANIFEST.id, SystemClock::shared());
    module.trial(&cx).await
}

#[tokio::test]
async fn addresses_are_listened_on_and_released() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port();
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none.pem");
    let none = none.display();
    let yaml = format!(
        "{{listeners: [{{protocol: tcp, host: 127.0.0.1, port: {port}}}, {{protocol: udp, host: 127.0.0.1, port: {port}}}, \
         {{protocol: tls, host: 127.0.0.1, port: 6514, tls: {{certFile: {none}, keyFile: {none}}}}}]}}"
    );
    let trials = tried(&yaml).await;
    assert_eq!(trials[0].name, format!("tcp://{address}"));
    let fault = trials[0].fault.clone().unwrap();
    assert!(fault.contains("choose another port"), "{fault}");
    assert!(trials[1].is_ok(), "{trials:?}");
    let fault = trials[2].fault.clone().unwrap();
    assert!(fault.contains("cannot read the certificate `"), "{fault}");
    drop(taken);
    for _ in 0..2 {
        let again = tried(&yaml).await;
        assert!(again[0].is_ok() && again[1].is_ok(), "{again:?}");
    }
}
