//! `cargo dev remove`.

use std::process::{Command, Stdio};

use crate::template::Repository;

#[test]
fn without_a_name_it_lists_the_parts() {
    let service = Repository::template().cloned();
    assert_eq!(service.dev(&["remove"]), "boat       A boat\n");
}

#[test]
fn a_part_is_removed_later_and_that_is_committed() {
    let service = Repository::template().cloned();
    service.dev(&["init", "my-service"]);
    service.dev(&["remove", "boat"]);
    assert!(!service.has("boat.txt"));
    assert!(!service.read("web.txt").contains("boat"));
    assert!(
        service
            .read(".template.toml")
            .contains("removed = [\"boat\"]")
    );
    assert_eq!(service.git(&["log", "-1", "--format=%s"]), "Remove boat");
    let error = service.dev_fails(&["remove", "boat"]);
    assert!(error.contains("no part \"boat\""), "{error}");
}

#[test]
fn what_the_owner_changed_is_listed_and_stays() {
    let service = Repository::template().cloned();
    service.dev(&["init", "my-service"]);
    service.edit("web.txt", "It has a boat.", "It has my boat.");
    service.commit("Mine");
    let printed = service.dev(&["remove", "boat"]);
    assert!(service.read("web.txt").contains("It has my boat."));
    assert!(printed.contains("web.txt:2: It has my boat."), "{printed}");
}

#[test]
fn uncommitted_changes_refuse_it() {
    let service = Repository::template().cloned();
    service.write("web.txt", "mine\n");
    let error = service.dev_fails(&["remove", "boat"]);
    assert!(error.contains("not committed"), "{error}");
}

#[test]
fn a_commit_that_a_hook_refuses_changes_nothing() {
    let service = Repository::template().cloned();
    service.refuse_commits();
    service.dev_fails(&["remove", "boat"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let service = Repository::template().cloned();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_bare-dev"))
        .arg("remove")
        .current_dir(service.path())
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
}
