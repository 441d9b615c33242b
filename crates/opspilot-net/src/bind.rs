//! Addresses to listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use opspilot_core::module::RunError;
use tokio::net::{TcpListener, TcpSocket};

/// How many connections may wait to be accepted. A client that finds no room tries again after a second only, so the 128
/// of `TcpListener::bind` are too few for a burst while the processor is busy.
const BACKLOG: u32 = 1_024;

/// Reads the option `host`: an IP address, also in brackets, or `localhost`.
///
/// # Errors
/// What to tell the user, when `text` is neither.
pub fn parse_host(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let plain = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    plain
        .parse()
        .map_err(|_| format!("`{text}` is neither an IP address nor `localhost`"))
}

/// True if other machines may reach `address`.
#[must_use]
pub fn is_wide(address: IpAddr) -> bool {
    !address.to_canonical().is_loopback()
}

/// Listens on `wanted`. `section` is where the options `host` and `port` are, for example `modules.ui.api`.
///
/// # Errors
/// When the address cannot be had; the error says which option to change.
pub fn bind(wanted: SocketAddr, section: &str) -> Result<TcpListener, RunError> {
    listen(wanted, None).map_err(|error| cannot_bind(wanted, section, error))
}

/// The same for connections whose clients may read slowly for a long time: the system keeps at most `send_buffer` bytes
/// for each (Linux: twice that, with its own data).
///
/// # Errors
/// As [`bind`] has them.
pub fn bind_bounded(
    wanted: SocketAddr,
    section: &str,
    send_buffer: u32,
) -> Result<TcpListener, RunError> {
    listen(wanted, Some(send_buffer)).map_err(|error| cannot_bind(wanted, section, error))
}

fn listen(wanted: SocketAddr, send_buffer: Option<u32>) -> io::Result<TcpListener> {
    let socket = match wanted {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As `TcpListener::bind` does, so that a server can start again at once.
    socket.set_reuseaddr(true)?;
    if let Some(bytes) = send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.bind(wanted)?;
    socket.listen(BACKLOG)
}

fn cannot_bind(address: SocketAddr, section: &str, error: io::Error) -> RunError {
    let way_out = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            ": another program listens there; stop it, or set `{section}.port` to a free port"
        ),
        io::ErrorKind::PermissionDenied => {
            format!(": ports below 1024 need a privilege; set `{section}.port` to a higher one")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(": this machine does not have the address; check `{section}.host`")
        }
        _ => String::new(),
    };
    RunError::new(format!("cannot bind `{address}`{way_out}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses() {
        let hosts = [
            ("127.0.0.1", false),
            ("::1", false),
            ("[::1]", false),
            ("localhost", false),
            ("::ffff:127.0.0.1", false),
            ("0.0.0.0", true),
            ("::", true),
            ("192.168.0.1", true),
        ];
        for (host, wide) in hosts {
            assert_eq!(parse_host(host).map(is_wide), Ok(wide), "{host}");
        }
        for host in ["example.org", "", "127.0.0.1:80", "[127.0.0.1"] {
            assert!(parse_host(host).is_err(), "{host}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_the_option_to_change() {
        let first = bind("127.0.0.1:0".parse().unwrap(), "modules.x").unwrap();
        let error = bind(first.local_addr().unwrap(), "modules.x").unwrap_err();
        assert!(error.to_string().contains("`modules.x.port`"), "{error}");
    }
}
