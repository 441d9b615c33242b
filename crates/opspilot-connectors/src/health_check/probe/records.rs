//! Look-ups of records other than addresses, which the system's resolver does not offer: one question (RFC 1035) to the
//! name servers of `/etc/resolv.conf`, or to one that the URL names. They follow aliases and delegations, not we.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::super::config::CheckedEndpoint;
use super::super::failure::Failure;
use super::super::target::Record;
use super::{Answer, Network};

const RESOLVERS: &str = "/etc/resolv.conf";

/// How long one attempt at one server may take: the first of two rounds over the servers is over early.
const ATTEMPT: Duration = Duration::from_secs(2);
const ROUNDS: usize = 2;

/// The most servers that are asked, as by the system's resolver.
const SERVERS: usize = 3;

/// What is looked up.
#[derive(Debug)]
struct Query<'a> {
    name: &'a str,
    record: Record,
    id: u16,
    bytes: Vec<u8>,
}

pub(super) async fn probe(
    network: &Network,
    endpoint: &CheckedEndpoint,
    name: &str,
    (record, server): (Record, Option<SocketAddr>),
) -> Result<Answer, Failure> {
    let servers = match server {
        Some(server) => {
            let refuse = |refused| Failure::new(format!("the name server {server} {refused}"));
            network.reach.check(server.ip()).map_err(refuse)?;
            vec![server]
        }
        None => resolvers().await?,
    };
    let query = Query::new(name, record)?;
    let found = query.ask_all(&servers).await?;
    let is_found = |wanted: &String| found.iter().any(|one| is_same(record, one, wanted));
    if let Some(missing) = endpoint.records.iter().find(|wanted| !is_found(wanted)) {
        let some: Vec<_> = found.iter().take(5).cloned().collect();
        let message = format!(
            "DNS: `{name}` has no {} record `{missing}` but {}",
            record.name(),
            some.join(", ")
        );
        let discreet = "DNS: the name has other records than it should";
        return Err(Failure::heard(message, discreet));
    }
    Ok(Answer::default())
}

/// The name servers that the system asks.
async fn resolvers() -> Result<Vec<SocketAddr>, Failure> {
    let text = tokio::fs::read_to_string(RESOLVERS).await;
    let text = text.map_err(|error| Failure::new(format!("cannot read `{RESOLVERS}`: {error}")))?;
    let servers = named(&text);
    if servers.is_empty() {
        return Err(Failure::new(format!(
            "DNS: `{RESOLVERS}` names no server: add `server=ADDRESS` to the URL"
        )));
    }
    Ok(servers)
}

fn named(resolvers: &str) -> Vec<SocketAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        let is_server = words.next()? == "nameserver";
        let address: IpAddr = words.next().filter(|_| is_server)?.parse().ok()?;
        Some(SocketAddr::new(address, 53))
    };
    resolvers
        .lines()
        .filter_map(address)
        .take(SERVERS)
        .collect()
}

/// Whether a record is the one that is wanted. Letters of names count as equal in both cases (RFC 4343).
fn is_same(record: Record, found: &str, wanted: &str) -> bool {
    if record == Record::Txt {
        return found == wanted;
    }
    let plain = |text: &str| text.trim_end_matches('.').to_ascii_lowercase();
    let (found, wanted) = (plain(found), plain(wanted));
    // The name alone is enough.
    found == wanted || found.rsplit(' ').next() == Some(&wanted)
}

impl<'a> Query<'a> {
    fn new(name: &'a str, record: Record) -> Result<Self, Failure> {
        let unusable = |error: &dyn std::fmt::Display| {
            Failure::new(format!("DNS: `{name}` cannot be asked for: {error}"))
        };
        let mut id = [0; 2];
        SystemRandom::new()
            .fill(&mut id)
            .map_err(|_| unusable(&"the system has no random numbers"))?;
        let id = u16::from_be_bytes(id);
        let mut packet = Packet::new_query(id);
        packet.set_flags(PacketFlag::RECURSION_DESIRED);
        let plain = name.trim_end_matches('.');
        let asked = Name::new(plain).map_err(|error| unusable(&error))?;
        let kind = QTYPE::TYPE(kind(record));
        let question = Question::new(asked, kind, QCLASS::CLASS(CLASS::IN), false);
        packet.questions.push(question);
        let bytes = packet.build_bytes_vec().map_err(|error| unusable(&error))?;
        Ok(Self {
            name: plain,
            record,
            id,
            bytes,
        })
    }

    /// What the first server says that says anything.
    async fn ask_all(&self, servers: &[SocketAddr]) -> Result<Vec<String>, Failure> {
        let mut last = None;
        for server in std::iter::repeat_n(servers, ROUNDS).flatten() {
            match tokio::time::timeout(ATTEMPT, self.ask(*server)).await {
                Ok(Ok(answer)) => return self.read(*server, &answer),
                Ok(Err(error)) => last = Some(Failure::of(&error).to_string()),
                Err(_) => last = Some(format!("no answer within {} s", ATTEMPT.as_secs())),
            }
        }
        Err(Failure::new(format!(
            "DNS: no name server can be asked about `{}`: {}",
            self.name,
            last.unwrap_or_default()
        )))
    }

    async fn ask(&self, server: SocketAddr) -> std::io::Result<Vec<u8>> {
        let own: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0)).await?;
        // The kernel passes over what others send.
        socket.connect(server).await?;
        socket.send(&self.bytes).await?;
        let mut answer = vec![0; 4096];
        loop {
            let count = socket.recv(&mut answer).await?;
            let Some(bytes) = answer.get(..count) else {
                continue;
            };
            match Packet::parse(bytes) {
                Ok(packet) if !self.is_answered_by(&packet) => {}
                Ok(packet) if packet.has_flags(PacketFlag::TRUNCATION) => break,
                Ok(_) => return Ok(bytes.to_vec()),
                // What does not fit may be cut off anywhere.
                Err(_) if is_cut(bytes, self.id) => break,
                Err(_) => {}
            }
        }
        self.ask_in_full(server).await
    }

    /// Asks over TCP, which has room for any answer.
    async fn ask_in_full(&self, server: SocketAddr) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(self.bytes.len()).unwrap_or(u16::MAX);
        let message = [&length.to_be_bytes(), self.bytes.as_slice()].concat();
        stream.write_all(&message).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; length.into()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    /// The id and the question come back.
    fn is_answered_by(&self, packet: &Packet<'_>) -> bool {
        let [question] = packet.questions.as_slice() else {
            return false;
        };
        let name = question.qname.to_string();
        packet.id() == self.id
            && packet.has_flags(PacketFlag::RESPONSE)
            && name.eq_ignore_ascii_case(self.name)
            && question.qtype == QTYPE::TYPE(kind(self.record))
    }

    /// The records in an answer, as zone files show them.
    fn read(&self, server: SocketAddr, answer: &[u8]) -> Result<Vec<String>, Failure> {
        let (name, kind) = (self.name, self.record.name());
        let packet = Packet::parse(answer)
            .ok()
            .filter(|packet| self.is_answered_by(packet));
        let Some(packet) = packet else {
            return Err(Failure::new(format!(
                "DNS: the server {server} answers nonsense about `{name}`"
            )));
        };
        match packet.rcode() {
            RCODE::NoError => {}
            RCODE::NameError => {
                return Err(Failure::new(format!("DNS: `{name}` does not exist")));
            }
            code => {
                return Err(Failure::new(format!(
                    "DNS: the server {server} cannot tell the {kind} records of `{name}`: {code:?}"
                )));
            }
        }
        let found: Vec<String> = packet
            .answers
            .into_iter()
            .filter_map(|one| shown(self.record, one.rdata))
            .collect();
        if found.is_empty() {
            return Err(Failure::new(format!("DNS: `{name}` has no {kind} record")));
        }
        Ok(found)
    }
}

/// An answer of ours that was cut off: the id, and the bit TC.
fn is_cut(bytes: &[u8], id: u16) -> bool {
    let [first, second, flags, ..] = bytes else {
        return false;
    };
    u16::from_be_bytes([*first, *second]) == id && flags & 0b10 != 0
}

const fn kind(record: Record) -> TYPE {
    match record {
        Record::Txt => TYPE::TXT,
        Record::Mx => TYPE::MX,
        Record::Cname => TYPE::CNAME,
        Record::Srv => TYPE::SRV,
        Record::Ns => TYPE::NS,
    }
}

/// The record as a zone file shows it, if it is one of these.
fn shown(record: Record, found: RData<'_>) -> Option<String> {
    match (record, found) {
        (Record::Txt, RData::TXT(text)) => String::try_from(text).ok(),
        (Record::Mx, RData::MX(mx)) => Some(format!("{} {}", mx.preference, mx.exchange)),
        (Record::Cname, RData::CNAME(name)) => Some(name.0.to_string()),
        (Record::Ns, RData::NS(name)) => Some(name.0.to_string()),
        (Record::Srv, RData::SRV(srv)) => Some(format!(
            "{} {} {} {}",
            srv.priority, srv.weight, srv.port, srv.target
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_those_of_the_system() {
        let text = "# nameserver 9.9.9.9\nsearch example.org\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n\
                    nameserver  fd00::53 \noptions ndots:2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        let found: Vec<String> = named(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.0.0.2:53", "[fd00::53]:53", "10.0.0.3:53"]);
    }

    #[test]
    fn records_are_compared_as_they_are_meant() {
        let check = |record, found, wanted, expected| {
            assert_eq!(is_same(record, found, wanted), expected, "{found} {wanted}");
        };
        check(
            Record::Mx,
            "10 Mail.example.org",
            "10 mail.example.org.",
            true,
        );
        check(Record::Mx, "10 mail.example.org", "mail.example.org", true);
        check(
            Record::Mx,
            "10 mail.example.org",
            "20 mail.example.org",
            false,
        );
        check(Record::Mx, "10 mail.example.org", "example.org", false);
        check(Record::Txt, "v=spf1 -all", "v=spf1 -all", true);
        check(Record::Txt, "v=spf1 -ALL", "v=spf1 -all", false);
        check(Record::Txt, "v=spf1 -all", "-all", false);
    }
}
