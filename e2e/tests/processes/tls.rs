//! TLS to remote databases, tested with servers that do not have it or have the wrong certificate.

use std::fs;

use dockerflow::settings::EXIT_CODE;
use e2e::{postgres::Server, process::Process, tls::Certificate};
use url::Url;

use crate::service::PATIENCE;

/// An address of this machine that does not count as local.
const ELSEWHERE: &str = "0.0.0.0";

/// The exit code of `migration up` on this database, and its output.
async fn migrate(url: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let url = [("DATABASE_URL", url)];
    let variables = url.iter().chain(variables).copied();
    let mut process = Process::start("migration", ["up"], variables);
    let status = process.wait(PATIENCE).await;
    (status.code(), process.lines().join("\n"))
}

#[tokio::test]
async fn a_remote_server_gets_no_plain_text_however_its_host_is_set() {
    let Some(server) = Server::start() else {
        return;
    };
    let here = Url::parse(&server.url("postgres")).unwrap();
    let (port, password) = (here.port().unwrap(), here.password().unwrap());
    let user = format!("user=postgres&password={password}&port={port}");
    let nowhere = format!("postgres:///postgres?{user}");
    let mut there = here.clone();
    there.set_host(Some(ELSEWHERE)).unwrap();
    for (url, variable) in [
        (format!("{here}?host={ELSEWHERE}"), ("", "")),
        (format!("{here}?hostaddr={ELSEWHERE}"), ("", "")),
        (format!("{nowhere}&host={ELSEWHERE}"), ("", "")),
        (nowhere.clone(), ("PGHOST", ELSEWHERE)),
        (nowhere, ("PGHOSTADDR", ELSEWHERE)),
        (there.to_string(), ("PGSSLMODE", "")),
    ] {
        let variable = Some(variable).filter(|(name, _)| !name.is_empty());
        let (code, said) = migrate(&url, variable.as_slice()).await;
        assert_eq!(code, Some(1), "{url} {variable:?}: {said}");
        assert!(said.contains("TLS is required"), "{said}");
        assert!(!said.contains(password), "{said}");
    }

    let (code, said) = migrate(&format!("{there}?host=127.0.0.1"), &[("PGHOST", "")]).await;
    assert_eq!(code, Some(0), "{said}");
}

#[tokio::test]
async fn an_invalid_pg_variable_is_a_wrong_setting() {
    for (name, value) in [("PGSSLMODE", "requier"), ("PGPORT", "54x")] {
        let (code, said) = migrate("postgres://u@127.0.0.1/none", &[(name, value)]).await;
        assert_eq!(code, Some(EXIT_CODE), "{said}");
        assert!(said.contains("DATABASE_URL"), "{said}");
        assert!(said.contains(name), "{said}");
    }
}

#[tokio::test]
async fn with_a_root_certificate_the_server_must_prove_its_identity() {
    let Some(mut server) = Server::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let right = Certificate::new("127.0.0.1");
    let [roots, others] = [&right, &Certificate::new("127.0.0.1")].map(|certificate| {
        let file = folder.path().join(uuid::Uuid::new_v4().to_string());
        fs::write(&file, &certificate.certificate).unwrap();
        file.to_str().unwrap().to_owned()
    });
    server.speak_tls(&right);
    let url = server.url("postgres");
    let with = |roots: &str| format!("{url}?sslrootcert={roots}");

    let (code, said) = migrate(&with(&roots), &[]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = migrate(&url, &[("PGSSLROOTCERT", &roots)]).await;
    assert_eq!(code, Some(0), "{said}");

    let other_name = with(&roots).replace("127.0.0.1", "localhost");
    for (url, variable) in [
        (with(&others), ("PGSSLROOTCERT", "")),
        (url.clone(), ("PGSSLROOTCERT", others.as_str())),
        (other_name, ("PGSSLROOTCERT", "")),
    ] {
        let (code, said) = migrate(&url, &[variable]).await;
        assert_eq!(code, Some(1), "{url} {variable:?}: {said}");
        assert!(said.contains("certificate"), "{said}");
        assert!(!said.contains("waiting for the database"), "{said}");
    }
}
