//! `cargo dev new migration NAME`: the next step of the schema, a file and two lines in the list.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use chrono::Utc;

const LIST: &str = "migration/src/steps/mod.rs";

/// Writes the step, and names it in the list of steps.
pub(crate) fn write(name: &str) -> anyhow::Result<()> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    ensure!(
        is_name,
        "a name of a-z, 0-9 and _ is accepted, as in add_nickname_to_user"
    );

    let list_file = root().join(LIST);
    let list = fs::read_to_string(&list_file).context(LIST)?;
    let module = format!("m{}_{name}", Utc::now().format("%Y%m%d_%H%M%S"));
    let new_list =
        insert(&list, &module).context("the list of steps has another shape than expected")?;

    let step = list_file.with_file_name(format!("{module}.rs"));
    fs::write(&step, TEMPLATE).with_context(|| step.display().to_string())?;
    fs::write(&list_file, new_list).context(LIST)?;
    println!("migration/src/steps/{module}.rs");
    Ok(())
}

/// Where the workspace was built: `cargo dev` runs where the sources are.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The list with one more module, after the last of each kind.
fn insert(list: &str, module: &str) -> Option<String> {
    let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
    let last_line = |lines: &[String], start: &str| {
        lines
            .iter()
            .rposition(|line| line.trim().starts_with(start))
    };
    let boxed = last_line(&lines, "Box::new(m")?;
    lines.insert(boxed + 1, format!("        Box::new({module}::Migration),"));
    let module_line = last_line(&lines, "mod m")?;
    lines.insert(module_line + 1, format!("mod {module};"));
    lines.push(String::new());
    Some(lines.join("\n"))
}

const TEMPLATE: &str = r#"//! What this step changes, and why.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create().table("thing").col(pk_auto("id")).col(string("name")).take();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("thing").take()).await
    }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_step_comes_after_the_others_in_both_places() {
        let list = "mod m1_a;\nmod m2_b;\n\nvec![\n        Box::new(m1_a::Migration),\n        \
                    Box::new(m2_b::Migration),\n]\n";
        let expected = "mod m1_a;\nmod m2_b;\nmod m3_c;\n\nvec![\n        Box::new(m1_a::Migration),\n        \
                        Box::new(m2_b::Migration),\n        Box::new(m3_c::Migration),\n]\n";
        assert_eq!(insert(list, "m3_c").unwrap(), expected);
    }

    #[test]
    fn the_list_of_steps_has_the_shape_that_is_expected() {
        let list = fs::read_to_string(root().join(LIST)).unwrap();
        assert!(
            insert(&list, "m9_z")
                .unwrap()
                .contains("Box::new(m9_z::Migration),")
        );
    }
}
