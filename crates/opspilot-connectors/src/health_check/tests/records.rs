//! Look-ups of records, from a name server of the test's own.

use simple_dns::rdata::{CNAME, MX, NS, RData, SRV, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, RCODE, ResourceRecord};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::network::check;

/// The answer to a question; over UDP a long one is cut off.
fn answer(query: &[u8], is_udp: bool) -> Vec<u8> {
    let query = Packet::parse(query).unwrap();
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    reply.questions = query.questions.clone();
    let asked = query.questions[0].qname.to_string().to_ascii_lowercase();
    let name = |text| Name::new_unchecked(text);
    let long = "x".repeat(250);
    let data: Vec<RData<'_>> = match asked.as_str() {
        "mail.test" => vec![
            RData::CNAME(CNAME(name("other.test"))),
            RData::MX(MX {
                preference: 10,
                exchange: name("mx1.test"),
            }),
            RData::MX(MX {
                preference: 20,
                exchange: name("mx2.test"),
            }),
        ],
        "text.test" => vec![RData::TXT(
            TXT::new()
                .with_string("v=spf1 ")
                .unwrap()
                .with_string("-all")
                .unwrap(),
        )],
        "alias.test" => vec![RData::CNAME(CNAME(name("other.test")))],
        "zone.test" => vec![RData::NS(NS(name("ns1.test")))],
        "_sip._tcp.test" => vec![RData::SRV(SRV {
            priority: 1,
            weight: 2,
            port: 5060,
            target: name("sip.test"),
        })],
        "long.test" if is_udp => {
            reply.set_flags(PacketFlag::TRUNCATION);
            Vec::new()
        }
        "long.test" => vec![RData::TXT(TXT::new().with_string(&long).unwrap())],
        "broken.test" => {
            *reply.rcode_mut() = RCODE::ServerFailure;
            Vec::new()
        }
        "empty.test" => Vec::new(),
        _ => {
            *reply.rcode_mut() = RCODE::NameError;
            Vec::new()
        }
    };
    let owner = || Name::new_unchecked(&asked);
    let records = data
        .into_iter()
        .map(|data| ResourceRecord::new(owner(), CLASS::IN, 60, data));
    reply.answers = records.collect();
    reply.build_bytes_vec_compressed().unwrap()
}

/// A name server on UDP and TCP, at this port.
async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = UdpSocket::bind(("127.0.0.1", port)).await.unwrap();
    let datagrams = async move {
        let mut bytes = [0; 512];
        loop {
            let (count, peer) = socket.recv_from(&mut bytes).await.unwrap();
            let answer = answer(&bytes[..count], true);
            // Somebody who guesses, and something that makes no sense: neither is listened to.
            let mut forged = answer.clone();
            forged[0] ^= 1;
            forged[3] |= 3;
            for message in [&forged[..], &[7; 3], &answer] {
                socket.send_to(message, peer).await.unwrap();
            }
        }
    };
    let connections = async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut query = vec![0; length.into()];
            stream.read_exact(&mut query).await.unwrap();
            let answer = answer(&query, false);
            stream
                .write_u16(answer.len().try_into().unwrap())
                .await
                .unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    };
    #[expect(clippy::disallowed_methods, reason = "it ends with the test's runtime")]
    tokio::spawn(async move { tokio::join!(datagrams, connections) });
    port
}

#[tokio::test]
async fn records_are_looked_up_and_compared() {
    let port = serve().await;
    let row = |expected: &'static str, query: &str, answers: &str| {
        let server = format!("server=127.0.0.1:{port}");
        (
            expected,
            format!("url: 'dns://{query}&{server}', expectedAnswers: [{answers}]"),
        )
    };
    let long = "x".repeat(250);
    check(
        &[
            row("", "mail.test?type=MX", "10 mx1.test, mx2.test."),
            row(
                "has no MX record `mx3.test` but 10 mx1.test, 20 mx2.test",
                "mail.test?type=MX",
                "mx3.test",
            ),
            row("", "Text.test?type=txt", "'v=spf1 -all'"),
            row("", "alias.test?type=CNAME", "other.test"),
            row("", "zone.test?type=NS", ""),
            row("", "_sip._tcp.test?type=SRV", "1 2 5060 sip.test"),
            row("", "long.test?type=TXT", &long),
            row(
                "DNS: `empty.test` has no NS record",
                "empty.test?type=NS",
                "",
            ),
            row(
                "DNS: `nobody.test` does not exist",
                "nobody.test?type=NS",
                "",
            ),
            row(
                "cannot tell the MX records of `broken.test`: ServerFailure",
                "broken.test?type=MX",
                "",
            ),
            (
                "no name server can be asked about `mail.test`: connection refused",
                "url: 'dns://mail.test?type=MX&server=127.0.0.1:1'".to_owned(),
            ),
            (
                "refused: leads to",
                "url: 'dns://mail.test?type=MX&server=169.254.77.77'".to_owned(),
            ),
        ],
        "",
    )
    .await;
}
