//! In which form a client takes an answer.

use std::io::Write as _;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A way to pack an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// The name in `Content-Encoding`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The one that a client likes best, and of two that it likes as much the smaller one; `None` if it takes neither.
    pub(super) fn of(headers: &HeaderMap, has_brotli: bool) -> Option<Self> {
        let brotli = if has_brotli {
            weight(headers, "br")
        } else {
            0.0
        };
        let gzip = weight(headers, "gzip");
        match brotli.max(gzip) > 0.0 {
            true if brotli >= gzip => Some(Self::Brotli),
            true => Some(Self::Gzip),
            false => None,
        }
    }
}

/// True if a client names gzip and does not refuse it.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    weight(headers, "gzip") > 0.0
}

/// How much a client likes what is packed so; 0 if it does not take it or does not name it (RFC 9110, section 12.5.3).
fn weight(headers: &HeaderMap, wanted: &str) -> f32 {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter();
    let mut named = named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .map(|part| part.split_once(';').unwrap_or((part, "")));
    let found = named.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
    let weight = found.map(|(_, weight)| weight.trim().strip_prefix("q=").unwrap_or("1"));
    let weight = weight.and_then(|weight| weight.parse().ok());
    weight.unwrap_or(0.0)
}

/// `plain` in the gzip format.
pub(crate) fn pack(plain: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    // Writing to memory does not fail.
    encoder.write_all(plain).ok();
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_what_it_takes_and_likes_best() {
        let (brotli, gzip) = (Some(Encoding::Brotli), Some(Encoding::Gzip));
        for (accepted, both, without) in [
            ("gzip, deflate, br", brotli, gzip),
            ("br;q=1, GZIP;q=0.5", brotli, gzip),
            ("br;q=0.2, gzip;q=0.5", gzip, gzip),
            ("br;q=0, gzip", gzip, gzip),
            ("gzip;q=0, br;q=0", None, None),
            ("gzip;q=0, br", brotli, None),
            ("gzip;q=x, br;q=NaN", None, None),
            ("zstd, identity", None, None),
            ("", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
            assert_eq!(Encoding::of(&headers, true), both, "{accepted}");
            assert_eq!(Encoding::of(&headers, false), without, "{accepted}");
        }
        assert_eq!(Encoding::of(&HeaderMap::new(), true), None);
    }
}
