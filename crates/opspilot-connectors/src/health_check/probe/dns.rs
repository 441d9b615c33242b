//! Look-ups of names by the system's resolver. Nothing is connected to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::config::CheckedEndpoint;
use super::super::failure::Failure;
use super::super::target::Family;
use super::Answer;

pub(super) async fn probe(
    endpoint: &CheckedEndpoint,
    name: &str,
    family: Family,
) -> Result<Answer, Failure> {
    let found = tokio::net::lookup_host((name, 0)).await;
    let found = found.map_err(|error| Failure::resolver(name, &error))?;
    let is_asked_for = |address: &IpAddr| address.is_ipv4() == (family == Family::V4);
    let found: BTreeSet<IpAddr> = found
        .map(|address| address.ip())
        .filter(is_asked_for)
        .collect();
    if found.is_empty() {
        let kind = match family {
            Family::V4 => "A",
            Family::V6 => "AAAA",
        };
        return Err(Failure::new(format!("DNS: `{name}` has no {kind} record")));
    }
    if let Some(missing) = endpoint
        .answers
        .iter()
        .find(|address| !found.contains(address))
    {
        let found: Vec<_> = found.iter().take(5).map(ToString::to_string).collect();
        let message = format!(
            "DNS: `{name}` does not lead to {missing} but to {}",
            found.join(", ")
        );
        let discreet = "DNS: the name does not lead where it should";
        return Err(Failure::heard(message, discreet));
    }
    Ok(Answer::default())
}
