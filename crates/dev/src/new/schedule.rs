//! `cargo dev new schedule NAME`: a task, and the line that enqueues it at fixed times.

use super::{names::camel, source::Change, task};

const LIST: &str = "worker/src/schedules.rs";

pub(super) fn write(change: &mut Change, name: &str) -> anyhow::Result<()> {
    task::write_with(change, name, TEST)?;
    let task = camel(name);
    change.edit(LIST, |text| with_schedule(text, name, &task))?;
    change.leave(
        LIST,
        "enqueues it at 6 h every day: say when, and in which zone",
    );
    change.leave(
        &format!("worker/src/tasks/{name}.rs"),
        "is the code: it may run twice",
    );
    change.leave(
        &format!("worker/tests/worker/{name}.rs"),
        "is the test of both",
    );
    Ok(())
}

/// The list of schedules with one more.
fn with_schedule(text: &str, name: &str, task: &str) -> Option<String> {
    const START: &str = "Ok(Schedules::new()";
    let start = text.find(START)? + START.len();
    let end = start + text[start..].find("\n}")?;
    let last = start + text[start..end].rfind(')')?;
    let line = format!(".add({name:?}, \"0 6 * * *\", \"UTC\", |_| {task} {{ id: 0 }}.job())?");
    let mut text = format!("{}{line}{}", &text[..last], &text[last..]);
    let import = "use bare_queue::{ScheduleError, Schedules};\n";
    if text.contains(import) {
        text = text.replace(
            import,
            "use bare_queue::{ScheduleError, Schedules, Task as _};\n",
        );
    }
    let uses = format!("use db::tasks::{task};\n");
    let place = text.find("use bare_queue::")?;
    let place = place + text[place..].find(";\n")? + 2;
    text.insert_str(place, &uses);
    Some(text)
}

const TEST: &str = r#"//! SPOKEN, every day.

use bare_queue::{JobState, testing::next_tick};
use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestApp, the_finished_job,
};
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn NAME_is_enqueued_every_day(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    let schedules = worker::schedules::all().unwrap();
    let midnight = "2026-03-29T00:00:00Z".parse().unwrap();
    let (tick, job) = next_tick(&schedules, "NAME", midnight);
    assert_eq!(tick.to_rfc3339(), "2026-03-29T06:00:00+00:00");

    let db = &app.database.db;
    job.enqueue(db).await.unwrap();
    app.run_pending_jobs().await;
    assert_eq!(the_finished_job(db).await.state, JobState::Completed);
}
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_schedule_is_added_to_the_list() {
        let list = "use bare_queue::{ScheduleError, Schedules};\n\npub fn all() -> Result<Schedules, ScheduleError> {\n    Ok(Schedules::new())\n}\n";
        let first = with_schedule(list, "a", "A").unwrap();
        assert!(first.starts_with(
            "use bare_queue::{ScheduleError, Schedules, Task as _};\nuse db::tasks::A;\n"
        ));
        let second = with_schedule(&first, "b", "B").unwrap();
        let expected = ".add(\"a\", \"0 6 * * *\", \"UTC\", |_| A { id: 0 }.job())?.add(\"b\", \"0 6 * * *\", \"UTC\", |_| B { id: 0 }.job())?)\n}";
        assert!(second.contains(expected), "{second}");
    }
}
