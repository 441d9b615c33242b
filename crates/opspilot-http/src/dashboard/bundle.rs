//! The files of the dashboard. Written by `cargo xtask ui`; edits are lost.

use super::site::File;

/// The dashboard's page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The page that shows the API.
pub(super) const DOCS: &str = include_str!("../../assets/docs.html");

/// The files that they name.
pub(super) const FILES: &[File] = &[
    File {
        name: "app-cba6bf9d6eda.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/app-cba6bf9d6eda.css"),
        brotli: include_bytes!("../../assets/app-cba6bf9d6eda.css.br"),
    },
    File {
        name: "app-04737d32068a.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/app-04737d32068a.js"),
        brotli: include_bytes!("../../assets/app-04737d32068a.js.br"),
    },
    File {
        name: "icon-fb51cec459e0.svg",
        kind: "image/svg+xml",
        bytes: include_bytes!("../../assets/icon-fb51cec459e0.svg"),
        brotli: include_bytes!("../../assets/icon-fb51cec459e0.svg.br"),
    },
    File {
        name: "docs-3697e1135c17.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/docs-3697e1135c17.css"),
        brotli: include_bytes!("../../assets/docs-3697e1135c17.css.br"),
    },
    File {
        name: "docs-a14e5508a3c1.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/docs-a14e5508a3c1.js"),
        brotli: include_bytes!("../../assets/docs-a14e5508a3c1.js.br"),
    },
];
