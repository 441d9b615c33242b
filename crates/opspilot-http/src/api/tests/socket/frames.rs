//! Frames that are sent to do harm.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Client, PATIENCE, Running, config};

/// A client's frame (RFC 6455, section 5.2) whose mask changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut bytes = vec![first];
    match length {
        0..126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

async fn welcomed(server: &Running) -> Client {
    let mut client = server.client(&[]).await.unwrap();
    client.welcome().await;
    client
}

#[tokio::test]
async fn broken_frames_end_the_connection_with_the_right_code() {
    let server = Running::new().await;
    let (protocol, invalid) = (CloseCode::Protocol, CloseCode::Invalid);
    let half = [b'x'; 9 * 1_024];
    let rows: Vec<(&str, Vec<u8>, CloseCode)> = vec![
        ("not masked", vec![0x81, 2, b'h', b'i'], protocol),
        ("reserved bit", frame(0xc1, b"{}"), protocol),
        ("reserved type", frame(0x83, b"{}"), protocol),
        ("reserved control", frame(0x8b, b""), protocol),
        ("ping in parts", frame(0x09, b""), protocol),
        ("long ping", frame(0x89, &[0; 126]), protocol),
        ("end without beginning", frame(0x80, b"x"), protocol),
        (
            "text within a text",
            [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
            protocol,
        ),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), protocol),
        ("half a code", frame(0x88, &[3]), protocol),
        ("not UTF-8", frame(0x81, &[0xff]), invalid),
        (
            "half a character",
            [frame(0x01, &[0xc3]), frame(0x80, b"")].concat(),
            invalid,
        ),
        ("binary", frame(0x82, b"{}"), CloseCode::Unsupported),
        (
            "one byte too many",
            vec![0x81, 0x80 | 126, 0x40, 0x01],
            CloseCode::Size,
        ),
        (
            "all the bytes there are",
            vec![0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            CloseCode::Size,
        ),
        (
            "too many in parts",
            [frame(0x01, &half), frame(0x00, &half)].concat(),
            CloseCode::Size,
        ),
    ];
    for (what, mut bytes, code) in rows {
        let mut client = welcomed(&server).await;
        // Whoever waits for more than the header would wait for ever; the mask is part of it.
        if matches!(bytes.get(1), Some(0xfe | 0xff)) && bytes.len() < 14 {
            bytes.extend([0; 4]);
        }
        client.stream.get_mut().write_all(&bytes).await.unwrap();
        assert_eq!(client.closed().await, Some(code), "{what}");
    }
    server.incident("one").await;
    let mut client = welcomed(&server).await;
    client.subscribe(&json!({ "events": [], "after": 0 })).await;
}

#[tokio::test]
async fn messages_in_parts_and_of_the_largest_size_are_understood() {
    let server = Running::new().await;
    let mut client = welcomed(&server).await;
    let parts = [
        frame(0x01, br#"{"act"#),
        frame(0x89, b"still there?"),
        frame(0x00, br#"ion":"#),
        frame(0x80, br#""ping"}"#),
    ];
    client
        .stream
        .get_mut()
        .write_all(&parts.concat())
        .await
        .unwrap();
    assert_eq!(client.told().await["type"], "pong");
    client.say("x".repeat(16 * 1_024)).await;
    assert_eq!(client.told().await["type"], "error");
}

#[tokio::test]
async fn who_says_too_much_is_closed_and_others_are_not() {
    let server = Running::new().await;
    let mut calm = welcomed(&server).await;
    let mut client = welcomed(&server).await;
    let ping = frame(0x81, br#"{"action":"ping"}"#);
    client
        .stream
        .get_mut()
        .write_all(&ping.repeat(60))
        .await
        .unwrap();
    for _ in 0..60 {
        assert_eq!(client.told().await["type"], "pong");
    }
    client
        .stream
        .get_mut()
        .write_all(&frame(0x89, b""))
        .await
        .unwrap();
    assert_eq!(client.closed().await, Some(CloseCode::Policy));
    calm.ask(&json!({ "action": "ping" })).await;
    assert_eq!(calm.told().await["type"], "pong");
}

#[tokio::test]
async fn a_message_that_never_ends_ends() {
    let server = Running::new().await;
    let mut client = welcomed(&server).await;
    let mut endless = frame(0x01, b"");
    endless.extend(frame(0x00, b"").repeat(60_000));
    client.stream.get_mut().write_all(&endless).await.ok();
    assert_eq!(client.closed().await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn noise_harms_nobody() {
    let server = Running::new().await;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..40 {
        let mut client = welcomed(&server).await;
        let mut noise = Vec::new();
        while noise.len() < 600 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            noise.extend(seed.to_le_bytes());
        }
        client.stream.get_mut().write_all(&noise).await.ok();
        client.stream.get_mut().shutdown().await.ok();
        client.closed().await;
    }
    let gone = async {
        while server.detail("activeClients") != 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    welcomed(&server).await;
}

#[tokio::test]
async fn who_gives_no_sign_of_life_is_closed_and_who_answers_pings_stays() {
    let mut config = config();
    config.heartbeat_interval_ms = 100;
    let server = Running::with(super::super::Setup::default(), config).await;
    let _silent = welcomed(&server).await;
    let mut alive = welcomed(&server).await;
    let reads = async {
        // Reading answers pings.
        loop {
            alive.frame().await.unwrap().unwrap();
            if server.detail("activeClients") == 1 {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reads).await.unwrap();
    alive.ask(&json!({ "action": "ping" })).await;
    assert_eq!(alive.told().await["type"], "pong");
}
