//! `cargo dev new task NAME`: a payload, the code, and a test.

use anyhow::ensure;

use super::{
    names::{camel, ensure_module, spoken},
    source::Change,
};

const PAYLOADS: &str = "db/src/tasks.rs";
const TASKS: &str = "worker/src/tasks.rs";
const TESTS: &str = "worker/tests/worker/main.rs";

pub(super) fn write(change: &mut Change, name: &str) -> anyhow::Result<()> {
    write_with(change, name, TEST)?;
    change.leave(
        &format!("db/src/tasks/{name}.rs"),
        "is the payload: name what the task works on",
    );
    change.leave(
        &format!("worker/src/tasks/{name}.rs"),
        "is the code: it may run twice",
    );
    change.leave(&format!("worker/tests/worker/{name}.rs"), "is its test");
    Ok(())
}

/// The same with another test.
pub(super) fn write_with(change: &mut Change, name: &str, test: &str) -> anyhow::Result<()> {
    ensure_module(name)?;
    ensure!(name != "prune", "the queue has a task prune");
    let task = camel(name);
    let fill = |text: &str| {
        text.replace("NAME", name)
            .replace("TYPE", &task)
            .replace("SPOKEN", &spoken(name))
    };
    change.create(&format!("db/src/tasks/{name}.rs"), fill(PAYLOAD))?;
    change.declare(PAYLOADS, &format!("mod {name};"))?;
    change.edit(PAYLOADS, |text| {
        Some(format!("{text}\npub use {name}::{task};\n"))
    })?;
    change.create(&format!("worker/src/tasks/{name}.rs"), fill(CODE))?;
    change.declare(TASKS, &format!("mod {name};"))?;
    change.edit(TASKS, |text| with_task(text, name))?;
    change.create(&format!("worker/tests/worker/{name}.rs"), fill(test))?;
    change.declare(TESTS, &format!("mod {name};"))
}

/// The list of the worker's tasks with one more.
fn with_task(text: &str, name: &str) -> Option<String> {
    let start = text.find("Registry::new()")?;
    let end = start + text[start..].find("\n}")?;
    Some(format!(
        "{}.task({name}::{name}){}",
        &text[..end],
        &text[end..]
    ))
}

const PAYLOAD: &str = r#"//! SPOKEN.

use bare_queue::Task;
use serde::{Deserialize, Serialize};

/// What the task works on. What may change by then is read when the job runs.
#[derive(Debug, Serialize, Deserialize)]
pub struct TYPE {
    /// The row.
    pub id: i32,
}

impl Task for TYPE {
    const KIND: &'static str = "NAME";
}
"#;

const CODE: &str = r#"//! SPOKEN.

use bare_queue::TaskError;
use db::tasks::TYPE;
use sea_orm::ConnectionTrait;

use crate::JobContext;

/// Does the work. A second run changes nothing.
pub(super) async fn NAME(task: TYPE, job: &JobContext) -> Result<(), TaskError> {
    job.resources.db.execute_unprepared("SELECT 1").await?;
    tracing::info!(id = task.id, "done");
    Ok(())
}
"#;

const TEST: &str = r"//! SPOKEN.

use bare_queue::{JobState, Task as _};
use db::tasks::TYPE;
use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestApp, the_finished_job,
};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn NAME_completes(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    let db = &app.database.db;
    TYPE { id: 1 }.enqueue(db).await.unwrap();
    app.run_pending_jobs().await;
    assert_eq!(the_finished_job(db).await.state, JobState::Completed);
}
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_task_is_added_to_the_list_of_the_worker() {
        let list = "pub fn registry() -> Registry {\n    Registry::new().task(a::a)\n}\n";
        let expected =
            "pub fn registry() -> Registry {\n    Registry::new().task(a::a).task(b::b)\n}\n";
        assert_eq!(with_task(list, "b").unwrap(), expected);
    }
}
