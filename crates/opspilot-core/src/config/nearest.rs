//! "Did you mean": the known name nearest to a misspelt one.

/// The candidate nearest to `name`, if one is near enough to be meant: at most one edit in three
/// letters (none in a name of two), where case, `_`, `-` and `.` do not count and swapped neighbours are one edit
/// (Damerau-Levenshtein).
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = plain(name);
    candidates
        .into_iter()
        .map(|candidate| {
            let other = plain(candidate);
            let longer = wanted.chars().count().max(other.chars().count());
            (distance(&wanted, &other), longer, candidate)
        })
        .filter(|(distance, longer, _)| *distance <= (longer / 3).max(usize::from(*longer > 2)))
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, candidate)| candidate)
}

/// Longer names are not compared: the cost grows with the square of the length.
const MAX_COMPARED: usize = 200;

fn distance(a: &str, b: &str) -> usize {
    if a.len() > MAX_COMPARED || b.len() > MAX_COMPARED {
        return usize::MAX;
    }
    strsim::damerau_levenshtein(a, b)
}

/// A name reduced to its letters and digits in lower case.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// `did you mean X?`, or else the list of what is possible.
pub(crate) fn suggestion<'a>(
    name: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(name, candidates.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("{what}: {}", listed(candidates)),
    }
}

/// Names in backquotes, separated by commas; none: `(none)`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() {
        return "(none)".to_owned();
    }
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let keys = ["maxIncidentsPerMinute", "rules", "path", "id"];
        let rows = [
            ("maxIncidentPerMinute", Some("maxIncidentsPerMinute")),
            ("max_incidents_per_minute", Some("maxIncidentsPerMinute")),
            ("rulse", Some("rules")),
            ("pth", Some("path")),
            ("colour", None),
            ("ip", None),
        ];
        for (name, expected) in rows {
            assert_eq!(nearest(name, keys), expected, "{name}");
        }
    }

    #[test]
    fn very_long_names_are_not_compared() {
        let long = "a".repeat(300);
        assert_eq!(nearest(&format!("{long}b"), [long.as_str()]), None);
    }
}
