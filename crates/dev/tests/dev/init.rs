//! `cargo dev init`.

use crate::template::{Repository, TITLE};

#[test]
fn a_clone_becomes_a_service_of_its_own_name() {
    let service = Repository::template().cloned();
    service.dev(&["init", "my-service"]);
    assert!(
        service
            .read("web.txt")
            .starts_with("The web of My Service.\n")
    );
    assert!(service.read("README.md").starts_with("# My Service\n"));
    assert!(service.read("docs/template.md").contains("[docs](web.md)"));
    assert_eq!(service.git(&["status", "--porcelain"]), "");
    assert_eq!(
        service.git(&["log", "-1", "--format=%s"]),
        "Begin My Service"
    );
    assert!(service.git(&["remote"]).contains("template"));
}

#[test]
fn the_old_name_stays_in_the_engine_only() {
    let service = Repository::template().cloned();
    service.dev(&["init", "my-service"]);
    let named = service.git(&["grep", "--name-only", "--ignore-case", "bare.necessities"]);
    for file in named.lines() {
        assert!(file.starts_with("crates/"), "{file} names {TITLE}");
    }
}

#[test]
fn parts_are_removed_at_the_beginning() {
    let service = Repository::template().cloned();
    service.dev(&["init", "my-service", "--without", "boat"]);
    assert!(!service.has("boat.txt"));
    assert!(!service.read("web.txt").contains("boat"));
    assert!(!service.read("docs/template.md").contains("boat"));
    assert!(
        service
            .read(".template.toml")
            .contains("removed = [\"boat\"]")
    );
}

#[test]
fn a_copy_without_history_is_joined_to_the_template() {
    let template = Repository::template();
    let service = template.copied();
    service.dev(&["init", "my-service", "--template", &template.url()]);
    let start = template.git(&["rev-parse", "HEAD"]);
    service.git(&["merge-base", "--is-ancestor", &start, "HEAD"]);
    assert!(service.read(".template.toml").contains(&start));
    assert!(
        service
            .read("web.txt")
            .starts_with("The web of My Service.\n")
    );
}

#[test]
fn a_name_that_is_no_name_changes_nothing() {
    let service = Repository::template().cloned();
    for name in ["My Service", "-x", "a_b", "bare-necessities"] {
        let error = service.dev_fails(&["init", "--", name]);
        assert!(error.contains("name"), "{error}");
    }
}

#[test]
fn an_unknown_part_changes_nothing() {
    let service = Repository::template().cloned();
    let error = service.dev_fails(&["init", "my-service", "--without", "boat,ship"]);
    assert!(
        error.contains("there is no part \"ship\", only boat"),
        "{error}"
    );
}

#[test]
fn uncommitted_changes_refuse_it() {
    let service = Repository::template().cloned();
    service.write("web.txt", "mine\n");
    let error = service.dev_fails(&["init", "my-service"]);
    assert!(error.contains("not committed"), "{error}");
}

#[test]
fn a_second_time_is_refused() {
    let service = Repository::template().cloned();
    service.dev(&["init", "my-service"]);
    let error = service.dev_fails(&["init", "other"]);
    assert!(error.contains("this is my-service already"), "{error}");
}

#[test]
fn a_commit_that_a_hook_refuses_changes_nothing() {
    let service = Repository::template().cloned();
    service.refuse_commits();
    service.dev_fails(&["init", "my-service", "--without", "boat"]);
}

#[test]
fn a_clone_whose_remote_is_called_template_needs_no_release() {
    let template = Repository::unreleased();
    let service = template.cloned();
    service.git(&["remote", "rename", "origin", "template"]);
    service.git(&["fetch", "--quiet", "template"]);
    service.dev(&["init", "my-service"]);
    let copy = service.read(".template.toml");
    assert!(copy.contains(&template.url()), "{copy}");
    assert!(
        copy.contains(&template.git(&["rev-parse", "HEAD"])),
        "{copy}"
    );
}

#[test]
fn help_says_what_a_developer_types() {
    let help = Repository::template().dev(&["init", "--help"]);
    assert!(help.contains("Usage: cargo dev init"), "{help}");
    assert!(
        help.contains("Example: cargo dev init my-service"),
        "{help}"
    );
}
