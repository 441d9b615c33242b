//! The files of the dashboard. Written by `cargo xtask ui`; edits are lost.

use super::site::File;

/// The dashboard's page.
pub(super) const PAGE: &str = include_str!("../../assets/index.html");

/// The page that shows the API.
pub(super) const DOCS: &str = include_str!("../../assets/docs.html");

/// The files that they name.
pub(super) const FILES: &[File] = &[
    File {
        name: "app-e290f1d8b12e.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../../assets/app-e290f1d8b12e.css"),
        brotli: include_bytes!("../../assets/app-e290f1d8b12e.css.br"),
    },
    File {
        name: "app-ee2e3dac6660.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/app-ee2e3dac6660.js"),
        brotli: include_bytes!("../../assets/app-ee2e3dac6660.js.br"),
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
        name: "docs-0b7702fdd3f5.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../../assets/docs-0b7702fdd3f5.js"),
        brotli: include_bytes!("../../assets/docs-0b7702fdd3f5.js.br"),
    },
];
