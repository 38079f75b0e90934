//! `cargo dev new endpoint NAME`: a file of views, its place in the list, and its test.

use anyhow::ensure;

use super::{
    names::{camel, ensure_module, spoken},
    source::Change,
};

const LIST: &str = "web/src/views.rs";
const TESTS: &str = "web/tests/web/main.rs";

pub(super) fn write(change: &mut Change, name: &str) -> anyhow::Result<()> {
    ensure_module(name)?;
    ensure!(
        name != "server",
        "a file of web's tests is called server: choose another name"
    );
    let fill = |text: &str| {
        let path = name.replace('_', "-");
        text.replace("NAME", name)
            .replace("PATH", &path)
            .replace("TYPE", &camel(name))
            .replace("SPOKEN", &spoken(name))
    };
    let views = format!("web/src/views/{name}.rs");
    let test = format!("web/tests/web/{name}.rs");
    change.create(&views, fill(VIEWS))?;
    change.declare(LIST, &format!("mod {name};"))?;
    change.edit(LIST, |text| with_views(text, name))?;
    change.create(&test, fill(TEST))?;
    change.declare(TESTS, &format!("mod {name};"))?;
    change.leave(
        &views,
        "answers GET /PATH: say what"
            .replace("PATH", &name.replace('_', "-"))
            .as_str(),
    );
    change.leave(&test, "is its test");
    Ok(())
}

/// The list of all views with one more.
fn with_views(text: &str, name: &str) -> Option<String> {
    let start = text.find("fn all(")?;
    let body = start + text[start..].find("{\n")?;
    let end = body + text[body..].find("\n}\n")?;
    let last = body + text[body..end].rfind(')')?;
    let more = format!(", {name}::Views {{ db: db.clone() }}");
    Some(format!("{}{more}{}", &text[..last], &text[last..]))
}

const VIEWS: &str = r#"//! SPOKEN.

use bare_http::{Json, Problem};
use poem_openapi::{Object, OpenApi};
use sea_orm::{ConnectionTrait as _, DatabaseConnection};

#[derive(Clone)]
pub(super) struct Views {
    pub(super) db: DatabaseConnection,
}

/// TYPE
#[derive(Debug, Object)]
struct TYPE {
    /// Whether the database answers
    is_ready: bool,
}

#[OpenApi]
impl Views {
    /// Shows the SPOKEN
    #[oai(path = "/PATH", method = "get")]
    async fn show_NAME(&self) -> Result<Json<TYPE>, Problem> {
        self.db.execute_unprepared("SELECT 1").await?;
        Ok(Json(TYPE { is_ready: true }))
    }
}
"#;

const TEST: &str = r#"//! `/PATH`.

use e2e::{
    Backend::{self, Postgres, Sqlite},
    TestApp,
};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[tokio::test]
async fn the_NAME_is_shown(#[values(Sqlite, Postgres)] backend: Backend) {
    let Some(app) = TestApp::start(backend).await else {
        return;
    };
    let response = app.get("/PATH").await;
    assert_eq!(response.status(), 200);
    let NAME: Value = response.json().await.unwrap();
    assert_eq!(NAME, json!({"is_ready": true}));
}
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_views_are_added_to_the_list_of_all() {
        let list = "pub(crate) fn all(db: &D) -> impl O {\n    (Views, job::Views { db: db.clone() })\n}\n\nstruct V;\n";
        let expected =
            "    (Views, job::Views { db: db.clone() }, order::Views { db: db.clone() })\n";
        assert!(with_views(list, "order").unwrap().contains(expected));
    }
}
