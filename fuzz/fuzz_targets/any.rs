//! One program for every target: the variable `OPSPILOT_FUZZ_TARGET` names the one that is tried, and its seeds are
//! written to the folder `OPSPILOT_FUZZ_SEEDS` before. Without a name, it lists all of them.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use opspilot_core::testing::fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

fn all() -> impl Iterator<Item = &'static Target> {
    let core = opspilot_core::testing::targets::TARGETS.iter();
    core.chain(opspilot_connectors::fuzzing::TARGETS)
        .chain(opspilot_http::fuzzing::TARGETS)
}

fn choose() {
    let wanted = std::env::var("OPSPILOT_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = all().find(|target| target.name == wanted) else {
        all().for_each(|target| println!("{}", target.name));
        std::process::exit(i32::from(!wanted.is_empty()));
    };
    if let Ok(folder) = std::env::var("OPSPILOT_FUZZ_SEEDS") {
        for (index, seed) in target.seeds.iter().enumerate() {
            std::fs::write(format!("{folder}/seed{index}"), seed).expect("the folder is there");
        }
    }
    TARGET.set(*target).expect("this is called once");
}

fuzz_target!(init: choose(), |bytes: &[u8]| {
    let target = TARGET.get().expect("the target was chosen");
    (target.run)(bytes);
});
