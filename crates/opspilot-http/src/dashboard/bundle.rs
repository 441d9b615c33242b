//! The files of the dashboard. Written by `cargo xtask ui`; edits are lost.

use super::site::File;

/// The page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The files that it names.
pub(super) const FILES: &[File] = &[
    File {
        name: "app-1fc2e05fe322.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/app-1fc2e05fe322.css"),
    },
    File {
        name: "app-c8555226b852.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/app-c8555226b852.js"),
    },
    File {
        name: "icon-fb51cec459e0.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../assets/icon-fb51cec459e0.svg"),
    },
];
