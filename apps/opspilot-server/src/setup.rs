//! What every command starts from: the modules, the environment and the configuration.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use opspilot_core::config::{self, ConfigErrors, Environment, Loaded};
use opspilot_core::module::Registry;

/// Where the configuration is looked for when none is named.
const DEFAULT_CONFIG: &str = "config/default.yaml";

/// The variable that names the configuration.
const CONFIG_VARIABLE: &str = "OPSPILOT_CONFIG";

/// What every command starts from.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) registry: Registry,
    pub(crate) environment: Environment,
    pub(crate) config: Option<PathBuf>,
    pub(crate) json: bool,
}

impl Setup {
    /// The configuration file: the argument, else the variable, else the default.
    pub(crate) fn path(&self) -> PathBuf {
        let named = self.config.clone();
        let from_variable = || self.environment.get(CONFIG_VARIABLE).map(PathBuf::from);
        named
            .or_else(from_variable)
            .unwrap_or_else(|| PathBuf::from(DEFAULT_CONFIG))
    }

    /// True if no configuration was named and there is none in the usual place: the dashboard sets such a server up.
    pub(crate) fn is_fresh(&self) -> bool {
        let is_named = self.config.is_some() || self.environment.get(CONFIG_VARIABLE).is_some();
        let found = self.path().symlink_metadata();
        let is_missing = found.is_err_and(|error| error.kind() == ErrorKind::NotFound);
        !is_named && is_missing
    }

    /// Reads the configuration to start with: what modules do by themselves, where there is none yet.
    pub(crate) fn load_to_start(&self) -> Result<Loaded, ConfigErrors> {
        match self.is_fresh() {
            true => {
                let known = self.registry.known_modules();
                config::load_text("{}", &self.path(), &self.environment, &known)
            }
            false => self.load(),
        }
    }

    /// Reads the configuration.
    pub(crate) fn load(&self) -> Result<Loaded, ConfigErrors> {
        self.load_from(&self.path())
    }

    pub(crate) fn load_from(&self, path: &Path) -> Result<Loaded, ConfigErrors> {
        config::load(path, &self.environment, &self.registry.known_modules())
    }
}
