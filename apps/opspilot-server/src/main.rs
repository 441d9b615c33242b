//! The OpsPilot server with the modules of this repository.

fn main() -> std::process::ExitCode {
    opspilot_server::run(opspilot_server::registry())
}
