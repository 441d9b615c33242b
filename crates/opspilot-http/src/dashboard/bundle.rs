//! The files of the dashboard. Written by `cargo xtask ui`; edits are lost.

use super::site::File;

/// The dashboard's page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The page that shows the API.
pub(super) const DOCS: &str = include_str!("../../assets/docs.html");

/// The files that they name.
pub(super) const FILES: &[File] = &[
    File {
        name: "app-ae9afdbe6653.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/app-ae9afdbe6653.css"),
        brotli: include_bytes!("../../assets/app-ae9afdbe6653.css.br"),
    },
    File {
        name: "app-7fc718053539.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/app-7fc718053539.js"),
        brotli: include_bytes!("../../assets/app-7fc718053539.js.br"),
    },
    File {
        name: "icon-fb51cec459e0.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../assets/icon-fb51cec459e0.svg"),
        brotli: include_bytes!("../../assets/icon-fb51cec459e0.svg.br"),
    },
    File {
        name: "docs-37f64b363877.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/docs-37f64b363877.css"),
        brotli: include_bytes!("../../assets/docs-37f64b363877.css.br"),
    },
    File {
        name: "docs-2da8e510174b.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/docs-2da8e510174b.js"),
        brotli: include_bytes!("../../assets/docs-2da8e510174b.js.br"),
    },
];
