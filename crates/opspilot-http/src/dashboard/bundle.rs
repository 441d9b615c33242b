//! The files of the dashboard. Written by `cargo xtask ui`; edits are lost.

use super::site::File;

/// The page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The files that it names.
pub(super) const FILES: &[File] = &[
    File {
        name: "app-6d6068180a5c.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/app-6d6068180a5c.css"),
    },
    File {
        name: "app-5f347b6b2528.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/app-5f347b6b2528.js"),
    },
    File {
        name: "icon-fb51cec459e0.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../assets/icon-fb51cec459e0.svg"),
    },
];
