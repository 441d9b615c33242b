//! The routes that need no credentials: those that the configuration names, of those that may go without.

use opspilot_core::module::RunError;

use super::super::routes::{Role, Route, routes};

/// The paths of `auth.publicPaths`, held against the route that was matched, never against the text of a request.
#[derive(Debug)]
pub(super) struct PublicPaths {
    patterns: Vec<String>,
    base_path: String,
}

impl PublicPaths {
    /// Checks that no path is named whose route needs credentials.
    ///
    /// # Errors
    /// When one is.
    pub(super) fn new(patterns: &[String], base_path: &str) -> Result<Self, RunError> {
        let paths = Self {
            patterns: patterns.to_vec(),
            base_path: base_path.to_owned(),
        };
        for route in routes().iter().filter(|route| route.role > Role::Public) {
            let whole = paths.whole(route);
            if patterns.contains(&whole) {
                return Err(RunError::message(format!(
                    "`auth.publicPaths` names `{whole}`, which always needs credentials: remove it from the list"
                )));
            }
        }
        Ok(paths)
    }

    /// True if `route` needs no credentials.
    pub(super) fn holds(&self, route: &Route) -> bool {
        let whole = self.whole(route);
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => whole.starts_with(start),
            None => whole == *pattern,
        };
        route.role <= Role::Public && self.patterns.iter().any(fits)
    }

    fn whole(&self, route: &Route) -> String {
        format!("{}{}", self.base_path, route.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(patterns: &[&str]) -> Vec<&'static str> {
        let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
        let paths = PublicPaths::new(&patterns, "/api").unwrap();
        routes()
            .iter()
            .filter(|route| paths.holds(route) && route.role == Role::Public)
            .map(|route| route.path)
            .collect()
    }

    #[test]
    fn only_probes_can_be_public() {
        assert_eq!(public(&["/api/health"]), ["/health"]);
        assert_eq!(
            public(&["/api/livez", "/api/readyz"]),
            ["/livez", "/readyz"]
        );
        let all = ["/health", "/livez", "/readyz", "/metrics"];
        assert_eq!(public(&["*"]), all);
        assert_eq!(public(&["/api/*"]), all);
        assert_eq!(public(&["/api/m*"]), ["/metrics"]);
        assert_eq!(
            public(&["/api/health/", "health", "/API/health", "/api"]),
            [""; 0]
        );
        let refused = PublicPaths::new(&["/api/incidents".to_owned()], "/api");
        assert!(refused.unwrap_err().to_string().contains("/api/incidents"));
    }
}
