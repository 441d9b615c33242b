//! What the kernel dropped of a socket: the column `drops` of `/proc/net/udp` and `/proc/net/udp6`, see proc(5).
//!
//! The kernel also tells it with each datagram (`SO_RXQ_OVFL`), but then the last drops are told of only when something
//! arrives again, which may be never.

use std::fs;

use rustix::fs::fstat;
use tokio::net::UdpSocket;

const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];

/// The drops of one socket.
#[derive(Debug)]
pub(super) struct Drops {
    inode: String,
    table: &'static str,
    seen: u64,
}

impl Drops {
    /// Those of `socket` from now on.
    pub(super) fn of(socket: &UdpSocket) -> Self {
        let is_v6 = socket.local_addr().is_ok_and(|address| address.is_ipv6());
        let mut drops = Self {
            inode: fstat(socket).map_or_else(|_| String::new(), |facts| facts.st_ino.to_string()),
            table: TABLES[usize::from(is_v6)],
            seen: 0,
        };
        let _before = drops.take();
        drops
    }

    /// How many there were since the last call.
    pub(super) fn take(&mut self) -> u64 {
        let table = fs::read_to_string(self.table).unwrap_or_default();
        let Some(now) = drops_in(&table, &self.inode) else {
            return 0;
        };
        // The kernel's counter has 32 bits.
        let since = now.wrapping_sub(self.seen) & u64::from(u32::MAX);
        self.seen = now;
        since
    }
}

/// The drops of the socket `inode` in a table.
fn drops_in(table: &str, inode: &str) -> Option<u64> {
    let mut rows = table.lines().map(|row| row.split_ascii_whitespace());
    rows.find_map(|mut fields| {
        let found = fields.nth(9)?;
        (found == inode).then(|| fields.last()?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1316: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 21511 2 0000000000000000 0
 2795: 00000000:05EA 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 87123 2 0000000000000000 4711
";

    #[test]
    fn a_socket_is_found_by_its_inode() {
        assert_eq!(drops_in(TABLE, "87123"), Some(4711));
        assert_eq!(drops_in(TABLE, "21511"), Some(0));
        assert_eq!(drops_in(TABLE, "7"), None);
    }

    #[tokio::test]
    async fn drops_of_a_small_buffer_are_all_counted() {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let (socket, _) = crate::listen::bind::udp(address, 4096).unwrap();
        let mut drops = Drops::of(&socket);
        let sender = std::net::UdpSocket::bind(address).unwrap();
        for _ in 0..500 {
            sender
                .send_to(b"<13>text", socket.local_addr().unwrap())
                .unwrap();
        }
        socket.readable().await.unwrap();
        let mut read = 0;
        while socket.try_recv(&mut [0; 16]).is_ok() {
            read += 1;
        }
        let dropped = drops.take();
        assert!(dropped > 0);
        assert_eq!(read + dropped, 500);
        assert_eq!(drops.take(), 0);
    }
}
