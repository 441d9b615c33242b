//! Bodies of requests, bounded before they are read.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// It is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most bytes.
        limit: usize,
    },
    /// It did not arrive in time.
    #[error("the body did not arrive within {} s", patience.as_secs_f32())]
    TooSlow {
        /// How long it may take.
        patience: Duration,
    },
    /// The connection ended, or what came is not HTTP.
    #[error("the body ended early")]
    Broken,
}

/// Reads at most `limit` bytes for at most `patience`. A declared length above the limit is refused unread.
///
/// # Errors
/// When the body is larger, slower or broken.
pub async fn read_body<B>(body: B, limit: usize, patience: Duration) -> Result<Bytes, BodyError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge { limit });
    }
    match tokio::time::timeout(patience, Limited::new(body, limit).collect()).await {
        Ok(Ok(read)) => Ok(read.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge { limit }),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::TooSlow { patience }),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    /// A body that sends `count` bytes one by one, a second apart, and tells no length.
    fn trickle(count: usize) -> impl Body<Data = Bytes, Error = std::io::Error> {
        StreamBody::new(futures_util::stream::unfold(0, move |sent| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (sent < count).then(|| (Ok(Frame::data(Bytes::from_static(b"x"))), sent + 1))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_are_bounded_in_size_and_time() {
        let second = Duration::from_secs(1);
        let read = read_body(Full::new(Bytes::from_static(b"12345")), 5, second).await;
        assert_eq!(read.unwrap(), "12345");
        let declared = read_body(Full::new(Bytes::from_static(b"123456")), 5, second).await;
        assert!(matches!(declared, Err(BodyError::TooLarge { limit: 5 })));
        let grown = read_body(Box::pin(trickle(100)), 5, second * 60).await;
        assert!(matches!(grown, Err(BodyError::TooLarge { .. })));
        let slow = read_body(Box::pin(trickle(100)), 500, second * 9).await;
        assert!(matches!(slow, Err(BodyError::TooSlow { .. })));
    }
}
