//! `cargo dev upgrade`.

use crate::template::Repository;

/// A service without the boat, and with a change of its own, and the template's next release.
fn service_and_release(template: &Repository, service: &Repository, init: &[&str]) {
    let mut arguments = vec!["init", "my-service", "--without", "boat"];
    arguments.extend(init);
    service.dev(&arguments);
    service.edit("web.txt", "One.", "One, mine.");
    service.write("README.md", "# My Service\n\nMine.\n");
    service.commit("Mine");
    template.release();
}

fn is_upgraded(service: &Repository) {
    let web = service.read("web.txt");
    assert_eq!(
        web,
        "The web of My Service.\nOne, mine.\nTwo.\nThree.\nFour, mended.\nFive.\n"
    );
    assert!(service.read("crates/engine.txt").contains("Three, mended."));
    assert_eq!(service.read("new.txt"), "New in My Service.\n");
    assert_eq!(service.read("README.md"), "# My Service\n\nMine.\n");
    assert!(!service.has("boat.txt"));
    assert!(
        service
            .read(".template.toml")
            .contains("version = \"0.2.0\"")
    );
    assert_eq!(service.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_release_comes_with_the_name_and_without_the_removed_parts() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    let printed = service.dev(&["upgrade"]);
    is_upgraded(&service);
    assert_eq!(service.git(&["branch", "--show-current"]), "upgrade-0.2.0");
    assert!(
        printed.contains("Rename one.") && !printed.contains("Old."),
        "{printed}"
    );
}

#[test]
fn a_copy_without_history_is_upgraded_as_well() {
    let template = Repository::template();
    let service = template.copied();
    service_and_release(&template, &service, &["--template", &template.url()]);
    service.dev(&["upgrade"]);
    is_upgraded(&service);
}

#[test]
fn a_service_whose_history_was_squashed_is_upgraded_as_well() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    service.git(&["checkout", "--quiet", "--orphan", "squashed"]);
    service.commit("All of it");
    service.dev(&["upgrade"]);
    is_upgraded(&service);
}

#[test]
fn a_part_that_was_removed_later_does_not_come_back() {
    let template = Repository::template();
    let service = template.cloned();
    service.dev(&["init", "my-service"]);
    service.dev(&["remove", "boat"]);
    template.release();
    service.dev(&["upgrade"]);
    assert!(!service.has("boat.txt"));
    assert!(!service.read("web.txt").contains("boat"));
    assert_eq!(service.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_patch_of_the_engine_is_kept() {
    let template = Repository::template();
    let service = template.cloned();
    service.dev(&["init", "my-service"]);
    service.edit("crates/engine.txt", "One.", "One, patched.");
    service.commit("Patch the engine");
    template.release();
    service.dev(&["upgrade"]);
    let engine = service.read("crates/engine.txt");
    assert!(
        engine.contains("One, patched.") && engine.contains("Three, mended."),
        "{engine}"
    );
}

#[test]
fn lines_that_both_changed_are_a_conflict() {
    let template = Repository::template();
    let service = template.cloned();
    service.dev(&["init", "my-service"]);
    service.edit("crates/engine.txt", "Three.", "Three, patched.");
    service.commit("Patch the engine");
    template.release();
    let printed = service.dev(&["upgrade"]);
    assert!(printed.contains("crates/engine.txt"), "{printed}");
    let engine = service.read("crates/engine.txt");
    assert!(
        engine.contains("Three, patched.") && engine.contains("Three, mended."),
        "{engine}"
    );
    let conflicts = service.git(&["diff", "--name-only", "--diff-filter=U"]);
    assert_eq!(conflicts, "crates/engine.txt");
}

#[test]
fn a_second_upgrade_has_nothing_to_do() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    service.dev(&["upgrade"]);
    let before = service.git(&["rev-parse", "HEAD"]);
    let printed = service.dev(&["upgrade"]);
    assert!(
        printed.contains("is up to date with the template's 0.2.0"),
        "{printed}"
    );
    assert_eq!(service.git(&["rev-parse", "HEAD"]), before);
}

#[test]
fn check_only_says_what_is_new() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    let before = service.git(&["rev-parse", "HEAD"]);
    let printed = service.dev(&["upgrade", "--check"]);
    assert!(
        printed.contains("0.2.0") && printed.contains("- Two.") && !printed.contains("- One."),
        "{printed}"
    );
    assert_eq!(service.git(&["rev-parse", "HEAD"]), before);
}

#[test]
fn uncommitted_changes_refuse_it() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    service.write("web.txt", "mine\n");
    let error = service.dev_fails(&["upgrade"]);
    assert!(error.contains("not committed"), "{error}");
}

#[test]
fn the_template_itself_is_not_upgraded() {
    let error = Repository::template().dev_fails(&["upgrade"]);
    assert!(error.contains("cargo dev init"), "{error}");
}

#[test]
fn a_release_that_is_not_there_is_an_error() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    let error = service.dev_fails(&["upgrade", "template-v9.0.0"]);
    assert!(error.contains("has no release 9.0.0"), "{error}");
}

#[test]
fn a_service_that_began_before_the_first_release_gets_it() {
    let template = Repository::unreleased();
    let service = template.cloned();
    service.git(&["remote", "rename", "origin", "template"]);
    service.git(&["fetch", "--quiet", "template"]);
    service_and_release(&template, &service, &[]);
    service.dev(&["upgrade"]);
    is_upgraded(&service);
}

#[test]
fn a_lock_file_that_both_changed_is_made_again() {
    let template = Repository::template();
    let service = template.cloned();
    service.dev(&["init", "my-service"]);
    let add = |repository: &Repository, name: &str| {
        let package =
            format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        repository.write(&format!("packages/{name}/Cargo.toml"), &package);
        repository.write(&format!("packages/{name}/src/lib.rs"), "");
        repository.update_lock_file();
        repository.commit("Add a package");
    };
    add(&service, "pier");
    add(&template, "quay");
    template.release();
    let printed = service.dev(&["upgrade"]);
    assert!(!printed.contains("Resolve"), "{printed}");
    let lock = service.read("Cargo.lock");
    assert!(
        lock.contains("\"pier\"") && lock.contains("\"quay\""),
        "{lock}"
    );
    assert_eq!(service.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_commit_that_a_hook_refuses_changes_nothing() {
    let template = Repository::template();
    let service = template.cloned();
    service_and_release(&template, &service, &[]);
    service.refuse_commits();
    service.dev_fails(&["upgrade"]);
}
