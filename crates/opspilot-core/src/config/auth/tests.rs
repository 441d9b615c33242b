use super::super::{Environment, KnownModules, load_text};

fn faults(section: &str) -> Vec<String> {
    let text = format!("auth: {section}\n");
    let path = std::path::Path::new("a.yaml");
    let loaded = load_text(
        &text,
        path,
        &Environment::default(),
        &KnownModules::default(),
    );
    let Err(errors) = loaded else {
        return Vec::new();
    };
    let faults = errors.faults().iter();
    faults.map(|fault| fault.key_path.to_string()).collect()
}

#[test]
fn keys_that_contradict_each_other_are_named() {
    let rows: &[(&str, &[&str])] = &[
        ("{enabled: true}", &[]),
        ("{jwtExpiresIn: soon}", &["auth.jwtExpiresIn"]),
        ("{enabled: true, algorithms: [RS256]}", &["auth.algorithms"]),
        (
            "{enabled: true, jwks: {file: a.json}}",
            &["auth.algorithms"],
        ),
        (
            "{enabled: true, jwks: {file: a.json}, algorithms: [EdDSA]}",
            &[],
        ),
        ("{jwks: {}}", &["auth.jwks"]),
        ("{jwks: {file: a, url: 'https://b'}}", &["auth.jwks"]),
        (
            "{jwks: {url: 'http://idp.example.org/keys'}}",
            &["auth.jwks"],
        ),
        (
            "{jwks: {url: 'http://127.0.0.1.evil.example/'}}",
            &["auth.jwks"],
        ),
        (
            "{jwks: {url: 'http://127.0.0.1:80@evil.example/'}}",
            &["auth.jwks"],
        ),
        ("{jwks: {url: 'http://127.0.0.1:8080/keys'}}", &[]),
        (
            "{enabled: true, allowedHosts: ['https://a']}",
            &["auth.allowedHosts"],
        ),
        (
            "{enabled: true, allowedHosts: [ops.example.org, 'ops:8443']}",
            &[],
        ),
        ("{allowedHosts: [ops.example.org]}", &["auth.allowedHosts"]),
        (
            "{enabled: true, trustedProxies: [127.0.0.1, 'fd00::/8']}",
            &[],
        ),
        (
            "{enabled: true, trustedProxies: [proxy, '0.0.0.0/0']}",
            &["auth.trustedProxies"; 2],
        ),
        ("{trustedProxies: [127.0.0.1]}", &["auth.trustedProxies"]),
        ("{enabled: true, audience: ''}", &["auth.audience"]),
        (
            "{enabled: true, apiKeys: [{label: a, key: '', role: viewer}]}",
            &["auth.apiKeys"],
        ),
        (
            "{enabled: true, algorithms: [none]}",
            &["auth.algorithms[0]"],
        ),
    ];
    for (section, expected) in rows {
        assert_eq!(faults(section), *expected, "{section}");
    }
}

#[test]
fn a_provider_is_checked_before_anybody_signs_in() {
    let rows: &[(&str, &[&str])] = &[
        (
            "{enabled: true, oidc: {issuer: 'https://idp', clientId: a, defaultRole: viewer}}",
            &[],
        ),
        (
            "{oidc: {issuer: 'https://idp', clientId: a, defaultRole: viewer}}",
            &["auth.oidc"],
        ),
        (
            "{enabled: true, oidc: {issuer: 'http://idp.example.org', clientId: a, defaultRole: viewer}}",
            &["auth.oidc"],
        ),
        (
            "{enabled: true, oidc: {issuer: 'https://idp?x=1', clientId: a, clientSecret: '', scopes: [profile]}}",
            &["auth.oidc"; 4],
        ),
        (
            "{enabled: true, oidc: {issuer: 'https://idp', clientId: '', defaultRole: viewer}}",
            &["auth.oidc.clientId"],
        ),
        (
            "{enabled: true, oidc: {issuer: 'http://127.0.0.1:9000', clientId: a, roles: [{group: '', role: admin}]}}",
            &["auth.oidc.roles[0].group"],
        ),
        (
            "{enabled: true, oidc: {clientId: a, defaultRole: viewer}}",
            &["auth.oidc.issuer"],
        ),
        (
            "{enabled: true, oidc: {issuer: 'https://idp', clientId: a, defaultRole: boss}}",
            &["auth.oidc.defaultRole"],
        ),
    ];
    for (section, expected) in rows {
        assert_eq!(faults(section), *expected, "{section}");
    }
}
