//! How many requests a minute one client address may make.
//!
//! A client is its address as the kernel saw it, or as a proxy of `auth.trustedProxies` did: other headers can be made up.
//! Waiting uses a clock that does not jump.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use opspilot_core::clock::Timestamp;
use opspilot_core::resilience::{Decision, SlidingWindow};
use tokio::time::Instant;

use super::metrics::Refusal;
use super::problem::{Code, Problem};
use super::state::State;
use opspilot_net::Peer;

const WINDOW: Duration = Duration::from_mins(1);

/// How many clients have a window of their own; all further ones share one.
const CLIENTS: usize = 1_024;

/// Who asked how often.
#[derive(Debug)]
pub(super) struct RateLimiter {
    limit: usize,
    started: Instant,
    windows: Mutex<Windows>,
}

#[derive(Debug)]
struct Windows {
    own: HashMap<IpAddr, SlidingWindow>,
    shared: SlidingWindow,
}

/// What a client may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota {
    is_admitted: bool,
    remaining: usize,
    /// How long until one more is admitted than now.
    resets_in: Duration,
}

/// Lets a request through while its client's minute is not used up.
pub(super) async fn limit(
    Extract(state): Extract<State>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let Some(quota) = state.rate.admit(peer.0.ip()) else {
        return next.run(request).await;
    };
    let mut response = if quota.is_admitted {
        next.run(request).await
    } else {
        state.metrics().refused(Refusal::Rate);
        let seconds = seconds(quota.resets_in);
        Problem::of(Code::RATE_LIMITED)
            .retry_after(seconds)
            .into_response()
    };
    let reset = state.cx.clock.now().plus(quota.resets_in);
    tell(response.headers_mut(), state.rate.limit, quota, reset);
    response
}

impl RateLimiter {
    /// Nobody has asked yet; a `limit` of 0 admits everything.
    pub(super) fn new(limit: usize) -> Self {
        let shared = SlidingWindow::new(limit, WINDOW);
        let windows = Mutex::new(Windows {
            own: HashMap::new(),
            shared,
        });
        Self {
            limit,
            started: Instant::now(),
            windows,
        }
    }

    /// Counts a request of `address`; `None` when nothing is limited.
    fn admit(&self, address: IpAddr) -> Option<Quota> {
        if self.limit == 0 {
            return None;
        }
        let elapsed = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millis(elapsed);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.of(client(address), self.limit, now);
        let decision = window.admit(now);
        let frees_at = window.frees_at().unwrap_or(now);
        Some(match decision {
            Decision::Admitted { remaining } => Quota {
                is_admitted: true,
                remaining,
                resets_in: frees_at.since(now),
            },
            Decision::Refused { until } => Quota {
                is_admitted: false,
                remaining: 0,
                resets_in: until.since(now),
            },
        })
    }
}

impl Windows {
    fn of(&mut self, client: IpAddr, limit: usize, now: Timestamp) -> &mut SlidingWindow {
        let Self { own, shared } = self;
        if own.len() >= CLIENTS && !own.contains_key(&client) {
            own.retain(|_, window| !window.is_idle(now));
            if own.len() >= CLIENTS {
                return shared;
            }
        }
        own.entry(client)
            .or_insert_with(|| SlidingWindow::new(limit, WINDOW))
    }
}

/// One client: an IPv4 address, or the 64 bits of an IPv6 address that name a network (RFC 4291, section 2.5.4).
pub(super) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        other => other,
    }
}

fn tell(headers: &mut HeaderMap, limit: usize, quota: Quota, reset: Timestamp) {
    let reset = u64::try_from(reset.as_millis())
        .unwrap_or(0)
        .div_ceil(1_000);
    headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(quota.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1_000))
        .unwrap_or(u32::MAX)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_admitted_again_when_its_minute_has_passed() {
        let limiter = RateLimiter::new(2);
        let ask = || limiter.admit(address("10.0.0.1")).unwrap();
        assert_eq!(ask().remaining, 1);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(ask().is_admitted);
        let refused = Quota {
            is_admitted: false,
            remaining: 0,
            resets_in: Duration::from_secs(40),
        };
        assert_eq!(ask(), refused);
        assert!(limiter.admit(address("10.0.0.2")).unwrap().is_admitted);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(ask().is_admitted);
        assert!(!ask().is_admitted);
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_of_clients_is_bounded_and_nobody_gets_round_the_limit() {
        let limiter = RateLimiter::new(1);
        let clients =
            |range: std::ops::Range<u32>| range.map(|n| IpAddr::V4((0x0a00_0000 + n).into()));
        let admitted = clients(0..3_000)
            .filter(|ip| limiter.admit(*ip).unwrap().is_admitted)
            .count();
        assert_eq!(admitted, CLIENTS + 1);
        assert_eq!(limiter.windows.lock().unwrap().own.len(), CLIENTS);
        tokio::time::advance(WINDOW).await;
        assert!(limiter.admit(address("10.9.9.9")).unwrap().is_admitted);
        assert_eq!(limiter.windows.lock().unwrap().own.len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        assert_eq!(
            client(address("2001:db8::1")),
            client(address("2001:db8::ffff:1"))
        );
        assert_ne!(
            client(address("2001:db8::1")),
            client(address("2001:db8:0:1::1"))
        );
        assert_eq!(client(address("::ffff:10.0.0.1")), address("10.0.0.1"));
    }
}
