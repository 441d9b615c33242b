//! The post-mortem of an incident: what happened, when, who did what, on which evidence, and what came of it. It is built
//! once as a [`Document`] and written as Markdown or as a page to print. Nothing in it that came from outside is more
//! than text.

mod document;
mod html;
mod markdown;
mod tell;

use axum::extract::State as Extract;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse as _;
use opspilot_core::safety::execution::Execution;
use opspilot_core::safety::gate::ProposalFilter;
use opspilot_core::safety::proposal::Proposal;

use super::super::answer::Answer;
use super::super::params::Params;
use super::super::problem::{Code, Problem};
use super::super::routes::{Form, Input, Reply, Shape};
use super::super::state::State;
use super::Id;

/// How many proposals are told of, and how many executions of each.
const PROPOSALS: usize = 100;
const EXECUTIONS: usize = 20;

/// What a post-mortem is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Markdown,
    Html,
}

/// A proposal with what came of it, oldest first.
#[derive(Debug)]
struct Deed {
    proposal: Proposal,
    executions: Vec<Execution>,
}

pub(in crate::api) const POST_MORTEM: Shape =
    Shape::of(Reply::text(&["text/markdown", "text/html"]))
        .query(&[Input::new(
            "format",
            Form::Words(&["markdown", "html"]),
            "What to write it as, whatever `Accept` says.",
        )])
        .problems(&[Code::NO_SUCH_INCIDENT]);

/// `GET /incidents/{id}/post-mortem`
pub(in crate::api) async fn post_mortem(
    Extract(state): Extract<State>,
    id: Id,
    headers: HeaderMap,
    mut params: Params,
) -> Answer {
    let format = params.parsed("format", "write `markdown` or `html`");
    params.finish()?;
    let format = format.unwrap_or_else(|| Format::accepted(&headers));
    let incident = state.cx.incidents.get(&id.0).await?;
    let (deeds, is_whole) = deeds(&state, &id).await?;
    let now = state.cx.clock.now();
    let document = tell::tell(&incident, &deeds, is_whole, now);
    let vary = (header::VARY, HeaderValue::from_static("accept"));
    Ok(match format {
        Format::Markdown => {
            let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
            let text = markdown::write(&document);
            ([(header::CONTENT_TYPE, kind), vary], text).into_response()
        }
        Format::Html => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            let policy = (header::CONTENT_SECURITY_POLICY, html::policy()?);
            let text = html::write(&document);
            ([(header::CONTENT_TYPE, kind), policy, vary], text).into_response()
        }
    })
}

/// The proposals for an incident; false if there are more.
async fn deeds(state: &State, id: &Id) -> Result<(Vec<Deed>, bool), Problem> {
    let gate = state.cx.actions.gate();
    let filter = ProposalFilter {
        statuses: Vec::new(),
        incident: Some(id.0.clone()),
    };
    let (mut proposals, next) = gate.list(&filter, None, PROPOSALS).await?;
    proposals.reverse();
    let mut deeds = Vec::with_capacity(proposals.len());
    for proposal in proposals {
        let (mut executions, _) = gate
            .executions(Some(&proposal.id), None, EXECUTIONS)
            .await?;
        executions.reverse();
        deeds.push(Deed {
            proposal,
            executions,
        });
    }
    Ok((deeds, next.is_none()))
}

impl Format {
    /// The form that the `Accept` header prefers (RFC 9110, section 12.5.1); Markdown unless a page is liked better.
    fn accepted(headers: &HeaderMap) -> Self {
        let given = headers.get_all(header::ACCEPT).iter();
        let given = given.filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = given
            .flat_map(|value| value.split(','))
            .map(range)
            .collect();
        let weight = |kinds: [&str; 2]| {
            let known = |wanted: &str| ranges.iter().find(|(kind, _)| kind == wanted);
            let found = kinds.iter().find_map(|kind| known(kind));
            found.map_or(0, |(_, weight)| *weight)
        };
        match weight(["text/html", "-"]) > weight(["text/markdown", "text/plain"]) {
            true => Self::Html,
            false => Self::Markdown,
        }
    }
}

/// A media range in lower case, and its weight in thousandths.
fn range(text: &str) -> (String, u32) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    let weight = match quality.map(str::parse::<f64>) {
        None => 1_000,
        Some(Ok(quality)) if quality >= 1.0 => 1_000,
        Some(Ok(quality)) if quality > 0.0 => thousandths(quality),
        Some(_) => 0,
    };
    (kind, weight)
}

/// `quality`, which lies between 0 and 1, in thousandths.
fn thousandths(quality: f64) -> u32 {
    (1..=1_000)
        .rev()
        .find(|part| f64::from(*part) / 1_000.0 <= quality)
        .unwrap_or(0)
}

impl std::str::FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "markdown" => Ok(Self::Markdown),
            "html" => Ok(Self::Html),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_given_to_whoever_likes_it_better() {
        let rows = [
            ("", Format::Markdown),
            ("*/*", Format::Markdown),
            ("application/json", Format::Markdown),
            ("text/html", Format::Html),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Html),
            ("text/markdown, text/html", Format::Markdown),
            ("text/markdown;q=0.3, TEXT/HTML; q=0.4", Format::Html),
            ("text/html;q=0", Format::Markdown),
            ("text/html;q=x", Format::Markdown),
        ];
        for (accept, expected) in rows {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(Format::accepted(&headers), expected, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Markdown);
    }
}
