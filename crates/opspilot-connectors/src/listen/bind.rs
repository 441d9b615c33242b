//! Sockets that listen.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// How many connections wait to be accepted.
const BACKLOG: i32 = 1024;

/// When a silent peer is asked whether it is still there, and how often.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(std::time::Duration::from_mins(1))
    .with_interval(std::time::Duration::from_secs(10))
    .with_retries(6);

/// Why nobody can listen at an address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {protocol} {address}: {hint}")]
pub struct BindError {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What to do about it.
    pub hint: &'static str,
    /// The refusal.
    #[source]
    pub source: io::Error,
}

impl BindError {
    fn new(protocol: &'static str, address: SocketAddr, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there: stop it (`ss -lntup` names it) or choose another port"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address: use one of its own, or 0.0.0.0 or :: for all of them"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a right: choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE"
            }
            _ => "the system refuses",
        };
        Self {
            protocol,
            address,
            hint,
            source,
        }
    }
}

/// Reads a host as it stands in a configuration: an address or `localhost`.
#[must_use]
pub fn parse_host(host: &str) -> Option<IpAddr> {
    if host == "localhost" {
        return Some(IpAddr::from([127, 0, 0, 1]));
    }
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

/// Listens for connections. `::` takes those of IPv4 too.
///
/// # Errors
/// When the system refuses the address.
pub fn tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        open(&socket, address)?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|error| BindError::new("tcp", address, error))
}

/// Listens for datagrams, with room for `buffer` bytes of them in the kernel, and tells how much room it gave. `::`
/// takes those of IPv4 too.
///
/// # Errors
/// When the system refuses the address.
pub fn udp(address: SocketAddr, buffer: usize) -> Result<(UdpSocket, usize), BindError> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        open(&socket, address)?;
        let room = widen(&socket, buffer)?;
        Ok((UdpSocket::from_std(socket.into())?, room))
    };
    bind().map_err(|error| BindError::new("udp", address, error))
}

fn open(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}

/// Asks for a receive buffer past the system's limit, and within it where that is not allowed. The kernel doubles the
/// size for its own book-keeping, see socket(7).
fn widen(socket: &Socket, buffer: usize) -> io::Result<usize> {
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, buffer).is_err() {
        socket.set_recv_buffer_size(buffer)?;
    }
    Ok(socket.recv_buffer_size()? / 2)
}

/// Has a connection end itself when its peer is gone.
///
/// # Errors
/// When the system refuses.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_keepalive(&KEEPALIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_refusal_names_address_and_way_out() {
        let first = tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let taken = first.local_addr().unwrap();
        let message = tcp(taken).unwrap_err().to_string();
        assert!(message.contains(&taken.to_string()) && message.contains("choose another port"));
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        let message = udp(foreign, 4096).unwrap_err().to_string();
        assert!(message.contains("192.0.2.1:0: this machine has no such address"));
    }

    #[tokio::test]
    async fn any_address_of_ipv6_takes_ipv4_too() {
        let listener = tcp("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (client, accepted) =
            tokio::join!(TcpStream::connect(("127.0.0.1", port)), listener.accept());
        assert!(client.is_ok() && accepted.is_ok());
    }

    #[test]
    fn hosts_are_addresses() {
        for (host, expected) in [
            ("localhost", Some("127.0.0.1")),
            ("::1", Some("::1")),
            ("[::]", Some("::")),
            ("0.0.0.0", Some("0.0.0.0")),
            ("example.org", None),
            ("", None),
        ] {
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(parse_host(host), expected, "{host}");
        }
    }
}
