//! `init`: a first configuration, with a sample log that it finds something in, and what else this machine has to read.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use opspilot_core::error::escape;

use crate::cli::InitArguments;
use crate::exit::Failure;
use crate::output;
use crate::setup::Setup;

const CONFIG: &str = include_str!("../../../../config/default.yaml");
const SAMPLE: &str = include_str!("../../../../config/sample.log");

pub(crate) fn init(setup: &Setup, arguments: &InitArguments) -> Result<(), Failure> {
    let folder = arguments.folder.join("config");
    let files = [("default.yaml", CONFIG), ("sample.log", SAMPLE)];
    if !arguments.force
        && let Some((name, _)) = files.iter().find(|(name, _)| folder.join(name).exists())
    {
        let path = folder.join(name);
        return Err(Failure::Usage(format!(
            "`{}` exists; `--force` replaces it",
            path.display()
        )));
    }
    fs::create_dir_all(&folder).map_err(|error| cannot("create", &folder, &error))?;
    for (name, text) in files {
        let path = folder.join(name);
        write(&path, text).map_err(|error| cannot("write", &path, &error))?;
        output::line(format!("wrote {}", path.display()));
    }
    for factory in setup.registry.iter() {
        for offer in factory.offers() {
            let id = factory.manifest().id;
            output::remark(format!("{id} could read {}", escape(&offer.name)));
        }
    }
    output::remark(format!(
        "next: cd {} && opspilot-server",
        arguments.folder.display()
    ));
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    file.write_all(text.as_bytes())
}

fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot {verb} `{}`: {error}", path.display()))
}
