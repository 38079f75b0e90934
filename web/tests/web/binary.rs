//! The built binary.

use std::{
    net::TcpListener,
    process::{Command, Output},
};

fn web(variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_web"));
    // In a folder without a `.env`.
    command
        .current_dir(&folder)
        .env_clear()
        .envs(variables.iter().copied());
    command.output().unwrap()
}

#[test]
fn all_wrong_settings_are_named_at_once() {
    let output = web(&[
        ("PORT", "x"),
        ("LOG_FORMAT", "y"),
        ("DATABASE_URL", "z://:hunter2@host/name"),
    ]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    for name in ["PORT", "LOG_FORMAT", "DATABASE_URL"] {
        assert!(text.contains(name), "{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_port_in_use_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = web(&[
        ("HOST", "127.0.0.1"),
        ("PORT", &port),
        ("DATABASE_URL", "sqlite://test.db"),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
}
