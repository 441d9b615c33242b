//! Living with failure: back-off, circuit breaker, limiter.
//!
//! None of these waits or reads a clock by itself; time is passed in, so tests control it.

mod backoff;
mod breaker;
mod limiter;

pub use backoff::{Backoff, BackoffPolicy};
pub use breaker::{BreakerState, CircuitBreaker};
pub use limiter::{Decision, SlidingWindow};
