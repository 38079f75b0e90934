//! `cargo dev new migration NAME`: the next migration, a file and two lines in the list.

use anyhow::ensure;
use chrono::Utc;

use super::{names::ensure_module, source::Change};

const LIST: &str = "migration/src/steps.rs";

/// A step that creates a table or changes one, by its name.
pub(super) fn write(change: &mut Change, name: &str) -> anyhow::Result<()> {
    ensure_module(name)?;
    let Some(table) = created_table(name) else {
        let text = template(ADD_COLUMN, DROP_COLUMN, changed_table(name));
        return write_step(change, name, text);
    };
    write_step(change, name, template(CREATE, DROP, table))?;
    let entity = format!("db/src/entities/{table}.rs");
    change.leave(
        &entity,
        "will be its entity, and a line in db/src/entities.rs",
    );
    let test = "migration/tests/migration/entities.rs";
    change.leave(test, "compares the two, once it is named there");
    Ok(())
}

/// The step that creates a table.
pub(super) fn write_table(change: &mut Change, table: &str) -> anyhow::Result<()> {
    write_step(
        change,
        &format!("create_{table}"),
        template(CREATE, DROP, table),
    )
}

fn write_step(change: &mut Change, name: &str, text: String) -> anyhow::Result<()> {
    let list = change.read(LIST)?;
    ensure!(
        !list.contains(&format!("_{name};")),
        "there is already a step {name}"
    );
    let module = format!("m{}_{name}", Utc::now().format("%Y%m%d_%H%M%S"));
    let step = format!("migration/src/steps/{module}.rs");
    change.create(&step, text)?;
    change.edit(LIST, |list| insert(list, &module))?;
    change.leave(&step, "is the step: say what it changes");
    Ok(())
}

/// The table that a step of this name creates.
fn created_table(name: &str) -> Option<&str> {
    let created = name.strip_prefix("create_")?;
    let is_index = created.split('_').any(|word| word == "index");
    (!is_index).then_some(created)
}

/// The table that a step of this name changes, as far as the name tells: `add_nickname_to_user`.
fn changed_table(name: &str) -> &str {
    let table = ["_to_", "_from_", "_on_", "_of_"]
        .iter()
        .find_map(|word| name.rsplit_once(word));
    table.map_or("a_table", |(_, table)| table)
}

/// The list with one more module, after the last of each kind.
fn insert(list: &str, module: &str) -> Option<String> {
    // A list of one step or none is on one line.
    let list = list
        .replace("vec![]", "vec![\n    ]")
        .replace("vec![Box", "vec![\n        Box")
        .replace("Migration)]", "Migration),\n    ]");
    let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
    let last_line = |lines: &[String], start: &str| {
        lines
            .iter()
            .rposition(|line| line.trim().starts_with(start))
    };
    let boxed = last_line(&lines, "Box::new(m").or_else(|| last_line(&lines, "vec!["))?;
    lines.insert(boxed + 1, format!("        Box::new({module}::Migration),"));
    if let Some(last) = last_line(&lines, "mod m") {
        lines.insert(last + 1, format!("mod {module};"));
    } else {
        let list = last_line(&lines, "///")?;
        lines.splice(list..list, [format!("mod {module};"), String::new()]);
    }
    lines.push(String::new());
    Some(lines.join("\n"))
}

fn template(up: &str, down: &str, table: &str) -> String {
    TEMPLATE
        .replace("UP", up)
        .replace("DOWN", down)
        .replace("TABLE", table)
}

const TEMPLATE: &str = r"//! What this step changes, and why.

use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
UP
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
DOWN
    }
}
";

const CREATE: &str = r#"        let table = Table::create()
            .table("TABLE")
            .col(pk_auto("id"))
            .col(string("name"))
            .take();
        manager.create_table(table).await"#;

const DROP: &str = r#"        let table = Table::drop().table("TABLE").take();
        manager.drop_table(table).await"#;

const ADD_COLUMN: &str = r#"        let column = string_null("new_column");
        let table = Table::alter().table("TABLE").add_column(column).take();
        manager.alter_table(table).await"#;

const DROP_COLUMN: &str = r#"        let table = Table::alter()
            .table("TABLE")
            .drop_column("new_column")
            .take();
        manager.alter_table(table).await"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_new_step_is_added_after_the_others_in_both_lists() {
        let list = "mod m1_a;\nmod m2_b;\n\nvec![\n        Box::new(m1_a::Migration),\n        \
                    Box::new(m2_b::Migration),\n]\n";
        let expected = "mod m1_a;\nmod m2_b;\nmod m3_c;\n\nvec![\n        Box::new(m1_a::Migration),\n        \
                        Box::new(m2_b::Migration),\n        Box::new(m3_c::Migration),\n]\n";
        assert_eq!(insert(list, "m3_c").unwrap(), expected);
    }

    #[test]
    fn the_second_step_is_added_on_a_separate_line() {
        let list = "mod m1_a;\n\n    vec![Box::new(m1_a::Migration)]\n";
        let expected = "mod m1_a;\nmod m2_b;\n\n    vec![\n        Box::new(m1_a::Migration),\n        \
                        Box::new(m2_b::Migration),\n    ]\n";
        assert_eq!(insert(list, "m2_b").unwrap(), expected);
    }

    #[test]
    fn the_first_step_is_added_to_an_empty_list() {
        let list = "use it;\n\n/// All the steps.\npub fn all() {\n    vec![]\n}\n";
        let expected = "use it;\n\nmod m1_a;\n\n/// All the steps.\npub fn all() {\n    vec![\n        \
                        Box::new(m1_a::Migration),\n    ]\n}\n";
        assert_eq!(insert(list, "m1_a").unwrap(), expected);
    }

    #[test]
    fn the_changed_table_comes_from_the_name() {
        assert_eq!(changed_table("add_nickname_to_user"), "user");
        assert_eq!(changed_table("create_index_on_order_line"), "order_line");
        assert_eq!(changed_table("rename_things"), "a_table");
    }

    #[test]
    fn creating_an_index_does_not_create_a_table() {
        assert_eq!(created_table("create_thing"), Some("thing"));
        assert_eq!(created_table("create_index_on_user"), None);
        assert_eq!(created_table("create_unique_index_on_user"), None);
        assert_eq!(created_table("add_nickname_to_user"), None);
    }

    #[test]
    fn a_step_can_be_added_to_the_list_of_this_service() {
        let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migration/src/steps.rs");
        let list = std::fs::read_to_string(list).unwrap();
        let list = insert(&list, "m9_z").unwrap();
        assert!(list.contains("Box::new(m9_z::Migration),"));
    }
}
