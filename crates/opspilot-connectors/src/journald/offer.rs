//! Whether there is a journal: for a first configuration.

use std::path::Path;

use opspilot_core::module::Offer;
use serde_json::json;

use super::config::Config;

/// Where journals are (systemd-journald.service(8), "Files").
const FOLDERS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];

/// The journal of this machine, if it has one and the program that reads it.
pub(super) fn offers() -> Vec<Offer> {
    let reader = Config::default().journalctl_path;
    let journal = FOLDERS.iter().find(|folder| Path::new(folder).is_dir());
    let journal = journal.filter(|_| Path::new(&reader).is_file());
    let offer = |folder: &&str| Offer {
        name: "the journal of this machine".to_owned(),
        note: Some(format!("in {folder}")),
        options: json!({}),
    };
    journal.map(offer).into_iter().collect()
}
