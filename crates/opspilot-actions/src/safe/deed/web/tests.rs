//! Addresses that requests must not reach (SECURITY.md, row A11).

use super::*;

fn address_of(host: &str) -> IpAddr {
    let url = Url::parse(&format!("http://{host}/")).unwrap();
    address(&url).unwrap_or_else(|| panic!("{host} is no address"))
}

#[test]
fn metadata_and_link_local_addresses_are_never_asked_in_any_spelling() {
    let hosts = [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[::169.254.169.254]",
        "[::ffff:0:a9fe:a9fe]",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::169.254.169.254]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:1:2:3:4:5601:5601]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xa9.0xfe.43518",
        "169.254.43518",
        "100.100.100.200",
        "192.0.0.192",
        "0.0.0.0",
        "0",
        "[::]",
        "255.255.255.255",
        "224.0.0.1",
        "[ff02::1]",
    ];
    for host in hosts {
        assert!(refused(address_of(host)).is_some(), "{host}");
        let fault = parse_url(&format!("https://{host}/path")).unwrap_err();
        assert!(fault.contains("never asked"), "{host}: {fault}");
    }
}

#[test]
fn loopback_and_private_addresses_are_known_in_every_spelling() {
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "017700000001",
        "0177.0.0.1",
        "127.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[::ffff:10.0.0.1]",
    ];
    for host in hosts {
        let address = address_of(host);
        assert!(private(address).is_some(), "{host}");
        assert_eq!(refused(address), None, "{host}");
    }
    for host in [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "[2606:4700::1]",
        "8.8.8.8",
    ] {
        assert_eq!(
            (private(address_of(host)), refused(address_of(host))),
            (None, None),
            "{host}"
        );
    }
}

#[test]
fn an_address_with_tricks_in_it_is_no_address() {
    let urls = [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "//example.com/",
        "example.com",
        "https://",
        "https://user@example.com/",
        "https://user:pass@example.com/",
        "https://example.com\r\nHost: evil/",
        "https://example.com/\r\nX: y",
        "https://example.com/a b",
        "https://example.com\\@evil/",
        "https://example.com/\u{0}",
        "https://exa\tmple.com/",
    ];
    for url in urls {
        assert!(parse_url(url).is_err(), "{url:?}");
    }
    assert!(parse_url("https://example.com/path?x=1").is_ok());
}

#[test]
fn a_name_with_one_bad_address_is_refused_whole() {
    let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
    let (public, private, metadata) = (
        parse("1.1.1.1:80"),
        parse("10.0.0.1:80"),
        parse("169.254.169.254:80"),
    );
    let check = |found: &[SocketAddr], reach, expected: Result<(), &str>| {
        let answer = allowed(found.iter().copied(), reach);
        match expected {
            Ok(()) => assert_eq!(answer.unwrap(), found),
            Err(reason) => assert!(answer.unwrap_err().contains(reason)),
        }
    };
    check(&[public], Reach::Public, Ok(()));
    check(&[public, private], Reach::Public, Err("a private address"));
    check(&[public, private], Reach::Private, Ok(()));
    check(&[public, metadata], Reach::Public, Err("link-local"));
    check(&[private, metadata], Reach::Private, Err("link-local"));
}

#[tokio::test]
async fn a_name_that_leads_home_is_not_connected_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = client(Reach::Public, Duration::from_secs(5)).unwrap();
    let answer = client.get(format!("http://localhost:{port}/")).send().await;
    let error = opspilot_core::error::chain(&answer.unwrap_err());
    assert!(
        error.contains("the name leads to a loopback address"),
        "{error}"
    );
    let nobody = listener.accept().map(|_| ()).unwrap_err().kind();
    assert_eq!(nobody, std::io::ErrorKind::WouldBlock);
}
