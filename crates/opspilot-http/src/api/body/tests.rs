//! What is read of a body, and what is refused.

use axum::http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn headers(kind: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
}

fn text(body: &[u8]) -> Result<String, String> {
    let detail = |problem: Problem| problem.body("")["detail"].as_str().unwrap().to_owned();
    let mut fields = Fields::parse(&headers("application/json"), body).map_err(detail)?;
    let text = fields.required_text("text", 5);
    fields.finish().map_err(detail).map(|()| text.unwrap())
}

#[test]
fn a_whole_number_is_one_however_it_is_written() {
    let number = |body: &str| {
        let mut fields = Fields::parse(&headers("application/json"), body.as_bytes()).unwrap();
        let number = fields.number("n", 500);
        fields.finish().is_ok().then_some(number).flatten()
    };
    for (text, read) in [("266", 266), ("266.0", 266), ("1e2", 100)] {
        assert_eq!(number(&format!("{{\"n\":{text}}}")), Some(read), "{text}");
    }
    for text in [
        "0", "0.0", "-1.0", "1.5", "501.0", "1e300", "\"1\"", "null", "true",
    ] {
        assert_eq!(number(&format!("{{\"n\":{text}}}")), None, "{text}");
    }
}

#[test]
fn exactly_one_object_with_the_fields_asked_for_is_read() {
    assert_eq!(text(br#"{"text":"a\nb"}"#), Ok("a\nb".into()));
    assert_eq!(text("{\"text\":\"äöüßé\"}".as_bytes()), Ok("äöüßé".into()));
    let rows: &[(&[u8], &str)] = &[
        (b"", "field `text`: is missing"),
        (b"{}", "field `text`: is missing"),
        (
            br#"{"text":""}"#,
            "field `text`: write at least one character",
        ),
        (
            br#"{"text":" \n"}"#,
            "field `text`: write at least one character",
        ),
        (
            br#"{"text":"abcdef"}"#,
            "field `text`: write at most 5 characters",
        ),
        (
            br#"{"text":"a\u001b"}"#,
            "field `text`: write no control characters besides line breaks and tabs",
        ),
        (br#"{"text":null}"#, "field `text`: write a text"),
        (br#"{"text":["a"]}"#, "field `text`: write a text"),
        (
            br#"{"text":"a","text":"b"}"#,
            "field `text`: is given more than once",
        ),
        (
            br#"{"actor":"x","text":7}"#,
            "field `text`: write a text; field `actor`: is not known; the fields are `text`",
        ),
    ];
    for (body, message) in rows {
        assert_eq!(
            text(body),
            Err((*message).to_owned()),
            "{}",
            body.escape_ascii()
        );
    }
    let unread: &[&[u8]] = &[
        b"[]",
        b"7",
        b"\"text\"",
        b"{",
        b"{\"text\":\"a\"}x",
        b"{\"text\":\"a\"}{}",
        b"{\"text\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
        b"text=a",
        b" ",
        b"null",
    ];
    for body in unread {
        let message = text(body).unwrap_err();
        assert!(
            message.starts_with("the body is not one JSON object: "),
            "{message}"
        );
    }
}

#[test]
fn deep_and_wide_objects_are_refused() {
    let deep = format!(
        "{{\"text\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(
        text(deep.as_bytes())
            .unwrap_err()
            .contains("recursion limit")
    );
    let wide = (0..100_000)
        .map(|n| format!("\"k{n}\":0"))
        .collect::<Vec<_>>()
        .join(",");
    assert!(
        text(format!("{{{wide}}}").as_bytes())
            .unwrap_err()
            .contains("more than 64 fields")
    );
}

#[test]
fn a_body_says_that_it_is_json() {
    let status = |headers: &HeaderMap, body: &[u8]| {
        Fields::parse(headers, body).map_or_else(|problem| problem.status().as_u16(), |_| 200)
    };
    assert_eq!(
        status(&headers("application/json; charset=utf-8"), b"{}"),
        200
    );
    assert_eq!(status(&headers("Application/JSON"), b"{}"), 200);
    assert_eq!(status(&HeaderMap::new(), b""), 200);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "",
    ] {
        assert_eq!(status(&headers(kind), b"{}"), 415, "{kind}");
    }
    assert_eq!(status(&HeaderMap::new(), b"{}"), 415);
}

proptest! {
    #[test]
    fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        text(&body).ok();
    }
}
