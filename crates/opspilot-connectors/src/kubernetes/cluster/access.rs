//! How the API is reached: from inside of the cluster, by a kubeconfig file, or by an address and a token.

use std::fmt;
use std::path::Path;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};

use super::Cluster;
use super::trouble::Trouble;

/// Where a pod finds the account it runs as.
pub(in crate::kubernetes) const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl Cluster {
    pub(super) async fn client(&self) -> Result<kube::Client, Trouble> {
        if let Some(client) = self.lock().clone() {
            return Ok(client);
        }
        // It fails when a provider is installed already, which is as good.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let mut config = self.access().await?;
        config.connect_timeout = Some(self.config.timeout());
        config.write_timeout = Some(self.config.timeout());
        config.read_timeout = None;
        config.default_retry = false;
        config.disable_compression = true;
        if config.accept_invalid_certs {
            return Err(Trouble::unhealthy(
                "its certificate would not be checked: remove `insecure-skip-tls-verify`",
            ));
        }
        let client = kube::Client::try_from(config).map_err(|error| {
            Trouble::unhealthy(format!(
                "no client for the API: {}",
                opspilot_core::error::chain(&error)
            ))
        })?;
        *self.lock() = Some(client.clone());
        Ok(client)
    }

    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<kube::Client>> {
        self.client
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn access(&self) -> Result<kube::Config, Trouble> {
        let config = &self.config;
        if !config.kubeconfig.is_empty() {
            return self.of_file(&config.kubeconfig).await;
        }
        let mut access = if config.api_url.is_empty() {
            kube::Config::incluster().map_err(|error| {
                Trouble::unhealthy(format!(
                    "not inside of a cluster ({}): set `apiUrl` or `kubeconfig`",
                    opspilot_core::error::chain(&error)
                ))
            })?
        } else {
            let url = config.api_url.parse().map_err(|error| {
                Trouble::unhealthy(format!("`apiUrl` is not an address: {error}"))
            })?;
            let mut access = kube::Config::new(url);
            access.auth_info = self.account();
            let account = format!("{ACCOUNT}/ca.crt");
            let certificates = match config.ca_path.as_str() {
                "" if Path::new(&account).exists() => Some(account),
                "" => None,
                path => Some(path.to_owned()),
            };
            if let Some(path) = certificates {
                tokio::fs::metadata(&path).await.map_err(|error| {
                    Trouble::unhealthy(format!("cannot read `{path}`: {error}"))
                })?;
                access.root_cert_file = Some(path.into());
            }
            access
        };
        if !config.token.is_empty() || !config.token_path.is_empty() {
            access.auth_info = self.account();
        }
        if let Some(path) = &access.auth_info.token_file {
            tokio::fs::metadata(path).await.map_err(|error| {
                Trouble::unhealthy(format!("cannot read the token `{path}`: {error}"))
            })?;
        }
        Ok(access)
    }

    fn account(&self) -> AuthInfo {
        let token = &self.config.token;
        let file = match self.config.token_path.as_str() {
            "" => {
                let file = format!("{ACCOUNT}/token");
                Path::new(&file).exists().then_some(file)
            }
            file => Some(file.to_owned()),
        };
        AuthInfo {
            token: (!token.is_empty()).then(|| token.expose().to_owned().into()),
            token_file: file.filter(|_| token.is_empty()),
            ..AuthInfo::default()
        }
    }

    async fn of_file(&self, path: &str) -> Result<kube::Config, Trouble> {
        let unusable =
            |error: &dyn fmt::Display| Trouble::unhealthy(format!("cannot use `{path}`: {error}"));
        let text = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| unusable(&error))?;
        let kubeconfig = Kubeconfig::from_yaml(&text).map_err(|error| unusable(&error))?;
        let mut users = kubeconfig
            .auth_infos
            .iter()
            .filter_map(|user| user.auth_info.as_ref());
        if users.any(|user| user.exec.is_some() || user.auth_provider.is_some()) {
            return Err(unusable(
                &"it starts a program to log in: use a token or a certificate",
            ));
        }
        let options = KubeConfigOptions {
            context: (!self.config.context.is_empty()).then(|| self.config.context.clone()),
            ..KubeConfigOptions::default()
        };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(|error| unusable(&error))
    }
}
