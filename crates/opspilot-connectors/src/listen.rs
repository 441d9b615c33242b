//! What every listener on the network needs: sockets with clear errors, TLS from files, bounds for peers, and troubles
//! that are told once and forgotten when they are over.

pub mod bind;
pub mod peers;
pub mod tls;
pub mod troubles;
