//! All settings, in the form of the documentation.

use std::fmt::Write as _;

use dockerflow::settings::{Variable, table};

const HEADER: &str = "\
# Every setting with its default. In development, copy this file to `.env` and uncomment what you
# change; the environment wins over it. What is set to nothing counts as unset.
# Written from the code: UPDATE_DOCS=1 cargo test -p e2e --test documentation
";

/// A variable, and which binaries read it.
pub struct Setting {
    pub name: String,
    pub default: Option<String>,
    is_required: bool,
    readers: Vec<&'static str>,
    meanings: Vec<String>,
}

/// The variables of all the binaries, each once.
pub fn all() -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for (binary, variables) in [
        ("web", table::<web::Settings>()),
        ("worker", table::<worker::Settings>()),
        ("migration", table::<bare_database::migrate::Settings>()),
    ] {
        for variable in variables {
            let known = settings
                .iter_mut()
                .find(|known| known.name == variable.name);
            match known {
                Some(known) => known.is_read_by(binary, &variable),
                None => settings.push(Setting::new(binary, variable)),
            }
        }
    }
    settings
}

impl Setting {
    fn new(binary: &'static str, variable: Variable) -> Self {
        Self {
            name: variable.name,
            default: variable.default,
            is_required: variable.required,
            readers: vec![binary],
            meanings: vec![variable.description],
        }
    }

    fn is_read_by(&mut self, binary: &'static str, variable: &Variable) {
        let Self { name, default, .. } = self;
        assert_eq!(*default, variable.default, "{name} has two defaults");
        self.readers.push(binary);
        self.meanings.push(variable.description.clone());
    }

    /// Its description, once if it is the same for all binaries.
    fn meaning(&self) -> String {
        let first = &self.meanings[0];
        if self.meanings.iter().all(|meaning| meaning == first) {
            return first.clone();
        }
        let meanings = self.readers.iter().zip(&self.meanings);
        let meanings = meanings.map(|(reader, meaning)| format!("{reader}: {meaning}"));
        meanings.collect::<Vec<_>>().join("; ")
    }
}

/// The content of `.env.example`.
pub fn environment(settings: &[Setting]) -> String {
    let mut text = HEADER.to_owned();
    for setting in settings {
        let default = setting.default.as_deref().unwrap_or_default();
        write!(
            text,
            "\n# {}\n#{}={default}\n",
            setting.meaning(),
            setting.name
        )
        .unwrap();
    }
    text
}

/// The table of `docs/settings.md`.
pub fn table_of(settings: &[Setting]) -> String {
    let mut text = "| variable | default | read by | meaning |\n|---|---|---|---|\n".to_owned();
    for setting in settings {
        let default = match &setting.default {
            Some(default) => format!("`{default}`"),
            None if setting.is_required => "none: it must be set".to_owned(),
            None => "unset".to_owned(),
        };
        let (name, readers) = (&setting.name, setting.readers.join(", "));
        let meaning = setting.meaning().replace('|', "\\|");
        writeln!(text, "| `{name}` | {default} | {readers} | {meaning} |").unwrap();
    }
    text
}

/// Asserts that the values that a platform's file repeats, by variable, are the defaults.
#[allow(
    dead_code,
    reason = "a service may have no platform whose file repeats defaults"
)]
pub fn are_defaults<'a>(file: &str, values: impl Iterator<Item = (&'a str, &'a str)>) {
    // If a platform needs another value than the default, its file says why.
    const OTHERS: [&str; 2] = ["DATABASE_POOL_SIZE", "SMTP_URL"];

    let settings = all();
    let mut compared = 0;
    for (name, value) in values {
        let setting = settings.iter().find(|setting| setting.name == name);
        if let Some(setting) = setting.filter(|_| !OTHERS.contains(&name)) {
            let default = setting.default.as_deref().unwrap_or_default();
            assert_eq!(value, default, "{name} in {file}");
            compared += 1;
        }
    }
    assert!(compared > 0, "{file} repeats no default");
}
