//! HTTP requests. This is the one place of this crate that makes HTTP clients.

mod body;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use opspilot_core::clock::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use rustls::{ClientConfig, RootCertStore};

use self::body::check_body;
use super::super::config::{CheckedEndpoint, Method};
use super::super::failure::Failure;
use super::super::reach::Reach;
use super::super::{target, tls};
use super::{Answer, Network};

/// How long a peer can ask to be left alone.
const PAUSE_LIMIT: Duration = Duration::from_hours(1);

/// A client which follows nothing by itself. A probe ends after `timeout`; the client would only later, so that there is
/// one message for it.
pub(super) fn client(
    reach: &Reach,
    tls: ClientConfig,
    timeout: Duration,
) -> Result<reqwest::ClientBuilder, Failure> {
    let timeout = timeout + Duration::from_secs(1);
    // It fails when a provider is installed already, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    Ok(Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("opspilot/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(0)
        .dns_resolver(Arc::new(reach.clone()))
        .tls_backend_preconfigured(tls)
        .tls_info(true))
}

/// A handshake that trusts nobody, for requests without one.
pub(super) fn no_tls() -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::of(&error))?;
    Ok(builder
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Looks whether the host of `url` may be connected to, if it is an address: those of names are checked when they are
/// resolved.
pub(super) fn check_host(reach: &Reach, url: &Url) -> Result<(), Failure> {
    match target::host(url).parse::<IpAddr>() {
        Ok(address) => reach
            .check(address)
            .map_err(|refused| Failure::of(&refused)),
        Err(_) => Ok(()),
    }
}

/// When the certificate of an answer ends.
pub(super) fn certificate_end(response: &Response) -> Option<Timestamp> {
    let info = response.extensions().get::<reqwest::tls::TlsInfo>()?;
    tls::end_of(info.peer_certificate()?)
}

/// One request on the way that redirects lead.
#[derive(Debug)]
struct Hop {
    url: Url,
    method: Method,
    reach: Reach,
    /// True while the request goes to the host that the configuration names: no other is shown its secrets.
    is_home: bool,
}

pub(super) async fn probe(
    network: &Network,
    endpoint: &CheckedEndpoint,
    first: &Url,
) -> Result<Answer, Failure> {
    let mut hop = Hop {
        url: first.clone(),
        method: endpoint.method,
        reach: network.reach.clone(),
        is_home: true,
    };
    let mut end: Option<Timestamp> = None;
    for left in (0..=endpoint.max_redirects).rev() {
        let is_first = left == endpoint.max_redirects;
        let response = hop.send(network, endpoint).await;
        let response = response.map_err(|failure| match is_first {
            true => failure,
            false => failure.once_heard("the redirect leads to where no answer comes from"),
        })?;
        let own_end = certificate_end(&response);
        end = end.into_iter().chain(own_end).min();
        let next = hop.after(&response, first, &network.reach)?;
        let Some(next) = next.filter(|_| endpoint.max_redirects > 0) else {
            return finish(endpoint, response, end).await;
        };
        if left == 0 {
            let message = format!(
                "more than {} redirects, the last to `{}`",
                endpoint.max_redirects,
                target::host(&next.url)
            );
            return Err(Failure::heard(message, "too many redirects"));
        }
        hop = next;
    }
    Err(Failure::new("no request was made"))
}

impl Hop {
    async fn send(
        &self,
        network: &Network,
        endpoint: &CheckedEndpoint,
    ) -> Result<Response, Failure> {
        check_host(&self.reach, &self.url)?;
        let tls = match (self.url.scheme(), self.is_home) {
            ("https", true) => network.tls(endpoint, &["h2", "http/1.1"]).await?,
            ("https", false) => {
                let mut foreign = endpoint.clone();
                foreign.client_certificate = None;
                network.tls(&foreign, &["h2", "http/1.1"]).await?
            }
            _ => no_tls()?,
        };
        let client = client(&self.reach, tls, endpoint.timeout)?
            .build()
            .map_err(|error| Failure::of(&error))?;
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
        };
        let mut request = client.request(method, self.url.clone());
        if self.is_home {
            request = request.headers(endpoint.headers.clone());
        }
        if let Some(body) = endpoint
            .body
            .as_ref()
            .filter(|_| self.method == Method::Post)
        {
            if !endpoint.headers.contains_key(CONTENT_TYPE) {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            request = request.body(body.expose().to_owned());
        }
        request
            .send()
            .await
            .map_err(|error| Failure::of(&error.without_url()))
    }

    /// Where `response` leads on; `None` if it is the last.
    fn after(
        &self,
        response: &Response,
        first: &Url,
        reach: &Reach,
    ) -> Result<Option<Self>, Failure> {
        let status = response.status();
        let method = match (status.as_u16(), self.method) {
            (301 | 302, Method::Post) | (303, Method::Get | Method::Post) => Method::Get,
            (301 | 302 | 303 | 307 | 308, method) => method,
            _ => return Ok(None),
        };
        let Some(location) = response.headers().get(LOCATION) else {
            return Ok(None);
        };
        let fault = |message: &str| Failure::new(message).with_status(status.as_u16());
        let url = location
            .to_str()
            .ok()
            .and_then(|location| self.url.join(location).ok())
            .ok_or_else(|| fault("redirected to what is no URL"))?;
        let is_downgrade = self.url.scheme() == "https" && url.scheme() == "http";
        if !matches!(url.scheme(), "http" | "https") || is_downgrade || !url.username().is_empty() {
            return Err(fault(
                "refused: redirected away from HTTPS, to another scheme, or with a password",
            ));
        }
        let is_home = self.is_home && is_same_host(first, &url);
        if !is_home && method == Method::Post {
            return Err(fault("refused: redirected with a body to another host"));
        }
        let peer = response.remote_addr().map(|address| address.ip());
        Ok(Some(Self {
            reach: if is_home {
                self.reach.clone()
            } else {
                reach.behind(peer)
            },
            url,
            method,
            is_home,
        }))
    }
}

/// True for the same host and port, and for the step from HTTP to HTTPS on their usual ports.
fn is_same_host(first: &Url, url: &Url) -> bool {
    let ports = (first.port_or_known_default(), url.port_or_known_default());
    first.host_str() == url.host_str() && (ports.0 == ports.1 || ports == (Some(80), Some(443)))
}

/// Judges the last answer.
async fn finish(
    endpoint: &CheckedEndpoint,
    response: Response,
    certificate_end: Option<Timestamp>,
) -> Result<Answer, Failure> {
    let status = response.status();
    if !endpoint.statuses.contains(status.as_u16()) {
        let mut failure = Failure::new(format!(
            "answered {}, expected {}",
            words(status),
            endpoint.statuses
        ));
        failure.retry_after = retry_after(response.headers());
        return Err(failure.with_status(status.as_u16()));
    }
    let needs_body =
        endpoint.contains.is_some() || endpoint.matches.is_some() || !endpoint.json.is_empty();
    if needs_body {
        check_body(endpoint, response)
            .await
            .map_err(|failure| failure.with_status(status.as_u16()))?;
    }
    Ok(Answer {
        status: Some(status.as_u16()),
        certificate_end,
    })
}

fn words(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("{} {reason}", status.as_u16())
        .trim_end()
        .to_owned()
}

/// How long the peer asks to be left alone, if it says so in seconds (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(PAUSE_LIMIT))
}
