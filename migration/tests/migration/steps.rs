//! Every step, and the list of them. That migrations wait, take turns and start afresh is tested in
//! `crates/database`.

use std::{collections::BTreeSet, fs, path::Path};

use e2e::{Backend, TestDatabase};
use migration::{SCHEMA, steps};
use rstest::rstest;

#[test]
fn every_file_of_a_step_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/steps");
    // Without a step git keeps no folder.
    let files = fs::read_dir(folder).into_iter().flatten();
    let files = files.map(|file| {
        let path = file.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let steps = steps::all()
        .iter()
        .map(|step| step.name().to_owned())
        .collect();
    assert_eq!(files.collect::<BTreeSet<String>>(), steps);
}

#[rstest]
#[tokio::test]
async fn every_step_can_be_applied_reverted_and_reapplied(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let Some(database) = TestDatabase::empty(backend).await else {
        return;
    };
    let db = &database.db;
    let steps = SCHEMA.names().len();
    let mut schemas = vec![database.schema().await];
    for _ in 0..steps {
        SCHEMA.up(db, Some(1)).await.unwrap();
        let before = database.schema().await;
        assert_ne!(
            &before,
            schemas.last().unwrap(),
            "the step changes something"
        );
        SCHEMA.down(db, 1).await.unwrap();
        assert_eq!(
            &database.schema().await,
            schemas.last().unwrap(),
            "down takes it back"
        );
        SCHEMA.up(db, Some(1)).await.unwrap();
        assert_eq!(database.schema().await, before, "up makes it again");
        schemas.push(before);
    }
    assert_eq!(
        SCHEMA.status(db).await.unwrap().pending,
        Vec::<String>::new()
    );
}
