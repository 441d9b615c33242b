//! A listener for datagrams: reads as many as there are with one call, and counts those that the kernel dropped.
//!
//! The kernel's buffer is the only queue: while detectors are behind nothing is read, and what does not fit any more is
//! dropped there. The kernel counts that per socket, so every datagram is either read or counted.

use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};
use opspilot_core::signal::LogSource;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, timeout};

use super::batch::{CHUNK, Messages};
use super::config::Protocol;
use super::drops::Drops;
use super::framing::{Frame, trimmed};
use super::meters::Reason;
use super::positions::Place;
use super::shared::{LAST_LOOK, STOP_PATIENCE, Shared};

/// How many datagrams are read with one call.
const AT_ONCE: usize = 64;

/// How often the kernel's count of drops is read.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// How many bytes the datagrams that are read with one call may have together.
const AT_ONCE_BYTES: usize = 512 << 10;

/// How long a busy listener lets datagrams gather, so that fewer and larger batches are made …
const GATHER: Duration = Duration::from_millis(1);

/// … if the last ones came so short a time ago …
const BUSY: Duration = Duration::from_millis(3);

/// … and the kernel has room for so many bytes.
const ROOMY: usize = 1 << 20;

/// A listener for datagrams.
#[derive(Debug)]
pub(super) struct Datagrams {
    shared: Arc<Shared>,
    socket: UdpSocket,
    is_roomy: bool,
    source: Arc<LogSource>,
    place: Place,
    drops: Drops,
    counted_at: Instant,
    read_at: Instant,
    /// How many datagrams are read with one call.
    slots: usize,
    /// Detectors were behind since drops were counted last.
    was_held_up: bool,
    scratch: Vec<u8>,
}

/// What one look at the socket found.
struct Catch {
    buffer: Vec<u8>,
    messages: Messages,
    datagrams: u64,
    bytes: u64,
    empty: u64,
    over_budget: u64,
}

impl Datagrams {
    /// A listener on `socket`, for which the kernel keeps `room` bytes.
    pub(super) fn new(shared: Arc<Shared>, socket: UdpSocket, room: usize) -> Self {
        let slots = AT_ONCE.min(AT_ONCE_BYTES / shared.longest);
        let place = shared.positions.take();
        let source = Arc::new(shared.source(Protocol::Udp, &place.stream));
        Self {
            drops: Drops::of(&socket),
            scratch: vec![0; slots * shared.longest],
            slots,
            is_roomy: room >= ROOMY,
            socket,
            source,
            place,
            counted_at: Instant::now(),
            read_at: Instant::now(),
            was_held_up: false,
            shared,
        }
    }

    /// Reads until the module stops.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let due = self.counted_at + COUNT_EVERY;
            tokio::select! {
                biased;
                () = shared.cancel.cancelled() => break,
                () = tokio::time::sleep_until(due) => self.count_drops(),
                ready = self.socket.readable() => {
                    let found = match ready {
                        Ok(()) => self.turn(false).await,
                        Err(error) => Err(error),
                    };
                    self.rest(found).await;
                }
            }
        }
        // What the kernel has at the end was received, and is read.
        let until = Instant::now() + STOP_PATIENCE;
        while Instant::now() < until
            && timeout(LAST_LOOK, self.socket.readable()).await.is_ok()
            && self.turn(true).await.is_ok()
        {}
        self.count_drops();
        shared.positions.give_back(self.place);
    }

    /// Lets datagrams gather where many come; after an error a little longer.
    async fn rest(&mut self, found: io::Result<usize>) {
        match found {
            Ok(count) => {
                let is_busy = self.read_at.elapsed() < BUSY && count < AT_ONCE * 16;
                if is_busy && self.is_roomy {
                    sleep(GATHER).await;
                }
                self.read_at = Instant::now();
            }
            Err(error) => {
                self.shared
                    .troubles
                    .note("receive", || format!("cannot receive datagrams: {error}"));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Reads what is there and passes it on. Tells how many datagrams there were.
    async fn turn(&mut self, is_stopping: bool) -> io::Result<usize> {
        let shared = Arc::clone(&self.shared);
        let mut catch = Catch {
            buffer: shared.pool.take(CHUNK),
            messages: Messages::with_room_for(0, shared.grammar),
            datagrams: 0,
            bytes: 0,
            empty: 0,
            over_budget: 0,
        };
        let outcome = self.catch(&mut catch);
        let Catch {
            buffer, messages, ..
        } = catch;
        shared
            .meters
            .received(Protocol::Udp, catch.datagrams, catch.bytes);
        shared.meters.dropped(Reason::Empty, catch.empty);
        shared.meters.dropped(Reason::PeerRate, catch.over_budget);
        shared.meters.odd(messages.cut(), messages.unparsed);
        if messages.len() > 0 {
            let end = self.place.position + buffer.len() as u64;
            shared.reserve(end).await;
            let ack = shared.meters.ack(messages.len());
            let when = (shared.clock.now(), ack);
            let batch = messages.into_batch(
                (&self.source, &mut self.place),
                (buffer, &shared.pool),
                when,
            );
            let mut sending = std::pin::pin!(shared.send(batch, is_stopping));
            tokio::select! {
                biased;
                () = &mut sending => {}
                () = std::future::ready(()) => {
                    self.was_held_up = true;
                    sending.await;
                }
            }
        }
        outcome.map(|()| usize::try_from(catch.datagrams).unwrap_or(usize::MAX))
    }

    /// Reads datagrams until there are no more or the buffer is full.
    fn catch(&mut self, catch: &mut Catch) -> io::Result<()> {
        let Self {
            socket,
            scratch,
            shared,
            slots,
            ..
        } = self;
        let slots = *slots;
        let longest = shared.longest;
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(slots, None);
        while catch.buffer.len() < CHUNK {
            let read = socket.try_io(Interest::READABLE, || {
                receive(
                    socket,
                    &mut headers,
                    scratch,
                    (slots, longest),
                    |peer, bytes, is_cut| {
                        catch.add(shared, peer, bytes, is_cut);
                    },
                )
            });
            match read {
                Ok(count) if count < slots => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Counts what the kernel dropped since the last time.
    fn count_drops(&mut self) {
        self.counted_at = Instant::now();
        let dropped = self.drops.take();
        let was_held_up = std::mem::take(&mut self.was_held_up);
        if dropped == 0 {
            return;
        }
        let (reason, why) = if was_held_up {
            (Reason::PipelineFull, "detectors were behind")
        } else {
            (
                Reason::ReceiveBuffer,
                "they came faster than they are read: raise `receiveBufferBytes` (and the system's net.core.rmem_max), or send over TCP",
            )
        };
        // They arrived at the machine, so they count as received.
        self.shared.meters.received(Protocol::Udp, dropped, 0);
        self.shared.meters.dropped(reason, dropped);
        self.shared.troubles.note("dropped", || {
            format!("the kernel dropped {dropped} datagrams within a second; {why}")
        });
    }
}

impl Catch {
    fn add(&mut self, shared: &Shared, peer: Option<SocketAddr>, bytes: &[u8], is_cut: bool) {
        self.datagrams += 1;
        self.bytes += bytes.len() as u64;
        let text = trimmed(bytes, 0..bytes.len());
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        let is_within = |peer: SocketAddr| {
            let budgets = shared.budgets.as_ref();
            budgets.is_none_or(|budgets| budgets.admit(peer.ip()))
        };
        if !peer.is_none_or(is_within) {
            self.over_budget += 1;
            return;
        }
        if let Some(peer) = peer {
            self.messages.from(peer);
        }
        let start = self.buffer.len();
        self.buffer
            .extend_from_slice(bytes.get(text).unwrap_or_default());
        let range = start..self.buffer.len();
        self.messages.push(&self.buffer, Frame { range, is_cut });
        self.buffer.push(b'\n');
    }
}

/// Receives up to `slots` datagrams of at most `longest` bytes into `scratch` and hands each on with its sender, and
/// whether it was longer.
fn receive(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrStorage>,
    scratch: &mut [u8],
    (slots, longest): (usize, usize),
    mut each: impl FnMut(Option<SocketAddr>, &[u8], bool),
) -> io::Result<usize> {
    let mut slices: Vec<[IoSliceMut<'_>; 1]> = scratch
        .chunks_exact_mut(longest)
        .take(slots)
        .map(|slot| [IoSliceMut::new(slot)])
        .collect();
    let flags = MsgFlags::MSG_DONTWAIT;
    let received = recvmmsg(socket.as_raw_fd(), headers, slices.iter_mut(), flags, None)?;
    let mut count = 0;
    for message in received {
        let bytes = message.iovs().next().unwrap_or_default();
        let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
        each(message.address.and_then(address), bytes, is_cut);
        count += 1;
    }
    Ok(count)
}

fn address(address: SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddrV4::from(*v4).into());
    }
    let v6 = SocketAddrV6::from(*address.as_sockaddr_in6()?);
    let ip: Ipv6Addr = *v6.ip();
    Some(SocketAddr::new(ip.to_canonical(), v6.port()))
}
