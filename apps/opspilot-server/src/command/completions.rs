//! `completions`: a script that teaches a shell the command line.

use clap::CommandFactory as _;

use crate::cli::Arguments;
use crate::exit::Failure;

#[expect(clippy::unnecessary_wraps, reason = "every command has the same shape")]
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut command = Arguments::command();
    clap_complete::generate(
        shell,
        &mut command,
        "opspilot-server",
        &mut std::io::stdout(),
    );
    Ok(())
}
