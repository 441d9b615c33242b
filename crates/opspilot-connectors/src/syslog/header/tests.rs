//! Real messages, and what the library makes of them.

use proptest::prelude::*;
use syslog_loose::{Variant, parse_message_with_year};

use super::*;

/// The form of a message, as `kind|time|host|tag|data|message`.
fn parts(frame: &str) -> String {
    let header = scan(frame.as_bytes(), Grammar::Auto);
    let text = |part: Part| String::from_utf8_lossy(part.of(frame.as_bytes())).into_owned();
    let kind = match header.kind {
        Kind::Rfc5424 => "5424",
        Kind::Rfc3164 => "3164",
        Kind::Bare => "bare",
    };
    let parts = [header.time, header.host, header.tag, header.data].map(text);
    let message = frame.get(header.message..).unwrap();
    format!("{kind}|{}|{message}", parts.join("|"))
}

/// What senders really send, in the words of RFC 3164 (sections 4.1.2 and 5.4), of rsyslog, of the C library, of
/// routers, firewalls, hypervisors and containers.
const REAL_3164: &[(&str, &str)] = &[
    (
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
        "3164|Oct 11 22:14:15|mymachine|su||'su root' failed for lonvick on /dev/pts/8",
    ),
    (
        "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
        "3164|Feb  5 17:32:18|10.0.0.99|||Use the BFG!",
    ),
    ("<34>Use the BFG!", "3164|||||Use the BFG!"),
    (
        "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time to make the do-nuts.",
        "3164|Aug 24 05:34:00|CST|||1987 mymachine myproc[10]: %% It's time to make the do-nuts.",
    ),
    (
        "<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
        "3164|||||1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
    ),
    (
        "<38>Nov 30 06:25:01 web-1 sshd[2218]: Accepted publickey for root",
        "3164|Nov 30 06:25:01|web-1|sshd[2218]||Accepted publickey for root",
    ),
    (
        "<38>Nov  3 06:25:01 sshd[2218]: no host, as the C library writes it",
        "3164|Nov  3 06:25:01||sshd[2218]||no host, as the C library writes it",
    ),
    (
        "<13>Nov 30 06:25:01 root: no host, no process",
        "3164|Nov 30 06:25:01||root||no host, no process",
    ),
    (
        "<13>Nov 30 06:25:01 web-1 app[77] no colon",
        "3164|Nov 30 06:25:01|web-1|app[77]||no colon",
    ),
    (
        "<13>Nov 30 06:25:01 web-1 plain words without a tag",
        "3164|Nov 30 06:25:01|web-1|||plain words without a tag",
    ),
    (
        "<13>Nov 30 06:25:01 web-1 last message repeated 2 times",
        "3164|Nov 30 06:25:01|web-1|||last message repeated 2 times",
    ),
    (
        "<30>2024-05-06T07:08:09.123456+02:00 web-1 systemd[1]: Started Session 4 of user root.",
        "3164|2024-05-06T07:08:09.123456+02:00|web-1|systemd[1]||Started Session 4 of user root.",
    ),
    (
        "<30>2024-05-06T07:08:09Z esx-1 Hostd: [Originator@6876 sub=Vimsvc] event",
        "3164|2024-05-06T07:08:09Z|esx-1|Hostd||[Originator@6876 sub=Vimsvc] event",
    ),
    (
        "<13>app[12]: neither time nor host",
        "3164|||app[12]||neither time nor host",
    ),
    ("<13>web-1 app[12]: no time", "3164||web-1|app[12]||no time"),
    (
        "<189>45: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console",
        "3164|Mar  1 18:46:11.123 UTC||||%SYS-5-CONFIG_I: Configured from console",
    ),
    (
        "<187>: Mar  1 18:46:11: %LINK-3-UPDOWN: Interface Gi0/1, changed state to down",
        "3164|Mar  1 18:46:11||||%LINK-3-UPDOWN: Interface Gi0/1, changed state to down",
    ),
    (
        "<166>Oct 11 2023 22:14:15 fw-1 : %ASA-6-302013: Built inbound TCP connection",
        "3164|Oct 11 2023 22:14:15|fw-1|||%ASA-6-302013: Built inbound TCP connection",
    ),
    (
        "<134>Oct 11 22:14:15 fw-2 CEF:0|Vendor|Product|1.0|100|name|5|src=10.0.0.1",
        "3164|Oct 11 22:14:15|fw-2|||CEF:0|Vendor|Product|1.0|100|name|5|src=10.0.0.1",
    ),
    (
        "<30>Oct 11 22:14:15 node-1 docker/web.1/3f2a[812]: GET /",
        "3164|Oct 11 22:14:15|node-1|docker/web.1/3f2a[812]||GET /",
    ),
    (
        "<22>Oct 11 22:14:15 mx postfix/smtpd[812]: connect from unknown[192.0.2.1]",
        "3164|Oct 11 22:14:15|mx|postfix/smtpd[812]||connect from unknown[192.0.2.1]",
    ),
    (
        "<13>Oct 11 22:14:15 2001:db8::1 app: over IPv6",
        "3164|Oct 11 22:14:15|2001:db8::1|app||over IPv6",
    ),
    (
        "<78>Oct  1 00:00:01 db CRON[9]: (root) CMD (run)",
        "3164|Oct  1 00:00:01|db|CRON[9]||(root) CMD (run)",
    ),
    (
        "<5>[12345.678901] Out of memory: Killed process 2217 (java)",
        "3164|||||[12345.678901] Out of memory: Killed process 2217 (java)",
    ),
    (
        "<13>Oct 11 22:14:15.123 web-1 app: a fraction",
        "3164|Oct 11 22:14:15.123|web-1|app||a fraction",
    ),
    ("<13>Failed to start", "3164|||||Failed to start"),
    ("<13>", "3164|||||"),
    ("<13>Oct 11 22:14:15", "3164|Oct 11 22:14:15||||"),
    ("<13>Oct 11 22:14:15 alone", "3164|Oct 11 22:14:15||||alone"),
    (
        "<999>Oct 11 22:14:15 h a: b",
        "bare|||||<999>Oct 11 22:14:15 h a: b",
    ),
    ("no priority", "bare|||||no priority"),
    ("<>x", "bare|||||<>x"),
    ("<1", "bare|||||<1"),
    ("", "bare|||||"),
];

const REAL_5424: &[(&str, &str)] = &[
    (
        "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed",
        "5424|2003-10-11T22:14:15.003Z|mymachine.example.com|||'su root' failed",
    ),
    (
        "<165>1 2003-10-11T22:14:15.003Z host evntslog - ID47 [a@1 iut=\"3\" s=\"App\"][b@1 c=\"h\"] text",
        "5424|2003-10-11T22:14:15.003Z|host||[a@1 iut=\"3\" s=\"App\"][b@1 c=\"h\"]|text",
    ),
    (
        r#"<165>1 - host app 1 - [a@1 v="x\"] \] y\\" w="]"] [not data] text"#,
        r#"5424|-|host||[a@1 v="x\"] \] y\\" w="]"]|[not data] text"#,
    ),
    ("<165>1 - - - - - -", "5424|-|-|||"),
    ("<165>1 - - - - - [empty@1]", "5424|-|-||[empty@1]|"),
    ("<165>1 - h a 1 - no data", "5424|-|h|||no data"),
    (
        "<165>1 - h a 1 - [a@1 v=\"never closed] text",
        "5424|-|h|||[a@1 v=\"never closed] text",
    ),
    ("<165>1 not a time", "3164|||||1 not a time"),
];

#[test]
fn real_messages_are_taken_apart() {
    for (frame, expected) in REAL_3164.iter().chain(REAL_5424) {
        assert_eq!(parts(frame), *expected, "{frame}");
    }
}

/// What the library says the message is.
fn message_of_library(frame: &str) -> &str {
    parse_message_with_year(frame, |_| 2024, Variant::Either).msg
}

fn message(frame: &str) -> &str {
    let start = scan(frame.as_bytes(), Grammar::Auto).message;
    frame.get(start..).unwrap().trim()
}

/// Where the library finds another message, and why we do not follow.
const DIFFERING: &[&str] = &[
    // It gives up where there is no time, and passes the header on as the message.
    "<34>Use the BFG!",
    "<0>1990 Oct 22 10:52:01 TZ-6",
    "<13>app[12]: neither",
    "<13>web-1 app[12]: no time",
    "<5>[12345.678901]",
    "<13>Failed to start",
    "<13>",
    "<165>1 not a time",
    // It gives up at fractions, zones and the marks of routers.
    "<189>45: *Mar",
    "<187>: Mar",
    "<13>Oct 11 22:14:15.123",
    // It takes the first word of the message for a tag, or the only word for a host.
    "<13>Feb  5 17:32:18 10.0.0.99 Use",
    "<165>Aug 24 05:34:00 CST 1987",
    "<13>Nov 30 06:25:01 web-1 plain",
    "<13>Nov 30 06:25:01 web-1 last message repeated",
    "<134>Oct 11 22:14:15 fw-2 CEF:0|",
    "<13>Oct 11 22:14:15 alone",
    // It wants structured data where many senders have none.
    "<165>1 - h a 1 - no data",
    "<165>1 - h a 1 - [a@1 v=\"never closed",
];

#[test]
fn the_library_agrees_on_real_messages_but_for_those_listed() {
    for (frame, _) in REAL_3164.iter().chain(REAL_5424) {
        let frame = frame.replace('\u{feff}', "");
        let differs = message(&frame) != message_of_library(&frame);
        let is_listed = DIFFERING
            .iter()
            .any(|start| frame == *start || start.len() > 4 && frame.starts_with(start));
        assert_eq!(differs, is_listed, "{frame}");
    }
}

proptest! {
    /// Well-formed headers of RFC 5424: both find the same message.
    #[test]
    fn the_library_agrees_on_rfc_5424(
        priority in 0..192u16,
        words in prop::collection::vec("[!-9;-Z^-~]{1,20}", 4),
        data in prop_oneof![
            Just("-".to_owned()),
            "(\\[[a-z]{1,8}@[0-9]{1,5}( [a-z]{1,6}=\"([a-z =\\]]|\\\\\"|\\\\\\\\)[a-z ]{0,9}\"){0,3}\\]){1,3}",
        ],
        text in "([a-z][ -Z^-~]{0,60})?",
    ) {
        let words = words.join(" ");
        let frame = format!("<{priority}>1 2024-05-06T07:08:09.5Z {words} {data} {text}");
        prop_assert_eq!(message(&frame), text.trim(), "{}", frame);
        prop_assert_eq!(message(&frame), message_of_library(&frame), "{}", frame);
    }

    /// Well-formed headers of RFC 3164: both find the same message.
    #[test]
    fn the_library_agrees_on_rfc_3164(
        priority in 0..192u16,
        day in 1..29u8,
        host in "[a-z][a-z0-9.-]{0,20}",
        tag in "[a-z][a-z0-9/_.-]{0,20}(\\[[0-9]{1,6}\\])?",
        text in "[a-zA-Z][ -Z^-~]{0,60}",
    ) {
        let frame = format!("<{priority}>Feb {day:2} 03:04:05 {host} {tag}: {text}");
        prop_assert_eq!(message(&frame), text.trim(), "{}", frame);
        prop_assert_eq!(message(&frame), message_of_library(&frame), "{}", frame);
    }

    /// Whatever comes in, parts lie within the frame and in order.
    #[test]
    fn parts_lie_within_the_frame(
        frame in prop::collection::vec(prop_oneof![any::<u8>(), Just(b' '), Just(b'['), Just(b':')], 0..120),
        start in prop_oneof![Just("<13>"), Just("<13>1 - "), Just("<13>Oct 11 22:14:15 "), Just("")],
    ) {
        let frame = [start.as_bytes(), &frame].concat();
        for grammar in [Grammar::Auto, Grammar::Rfc3164, Grammar::Rfc5424] {
            let header = scan(&frame, grammar);
            prop_assert!(header.message <= frame.len());
            for part in [header.time, header.host, header.tag, header.data] {
                prop_assert!(part.is_absent() || part.end <= header.message);
            }
        }
    }
}
