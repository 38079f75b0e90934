use conf::{Conf, Subcommands};
use dockerflow::settings::{
    CommandLine, Switch, Variable, between, table, try_command_line_from, try_load_from,
};

/// Settings of a test
#[derive(Conf, Debug)]
struct Settings {
    #[conf(flatten)]
    log: dockerflow::log::Settings,
    /// The port
    #[conf(env = "PORT", default_value = "8000", value_parser = between(1, 65_535))]
    port: u16,
    /// Where mail goes
    #[conf(env = "SMTP_URL", secret)]
    smtp_url: Option<String>,
    /// Opens an endpoint
    #[conf(env = "ERROR_ENDPOINT", default_value = "false")]
    error_endpoint: Switch,
    /// The database
    #[conf(env = "DATABASE_URL", secret, value_parser = refuse)]
    database_url: String,
}

fn refuse(text: &str) -> Result<String, &'static str> {
    if text == "nonsense" {
        Err("expected postgres:// or sqlite://")
    } else {
        Ok(text.to_owned())
    }
}

fn load(env: &[(&str, &str)]) -> Result<Settings, String> {
    let env = env.iter().copied();
    try_load_from(["test"], env).map_err(|error| error.to_string())
}

/// Prints the port
#[derive(Conf, Debug)]
struct Print {
    /// The port
    #[conf(env = "PORT", default_value = "8000", value_parser = between(1, 65_535))]
    port: u16,
}

#[derive(Subcommands, Debug)]
enum Command {
    /// Prints the port
    Print(Print),
}

/// A command
#[derive(Conf, Debug)]
struct Commands {
    #[conf(subcommands)]
    command: Command,
}

/// The service, or a command
#[derive(Conf, Debug)]
struct Cli {
    #[conf(subcommands)]
    command: Option<Command>,
    #[conf(flatten)]
    settings: Settings,
}

fn command_line(args: &[&str], env: &[(&str, &str)]) -> Result<CommandLine<Commands, Cli>, String> {
    let args = ["test"].iter().chain(args).copied();
    try_command_line_from(args, env.iter().copied()).map_err(|error| error.to_string())
}

#[test]
fn a_command_needs_only_the_settings_that_it_reads() {
    let wrong_for_the_service = [("PORT", "9000"), ("LOG_LEVEL", "inof")];
    let print = command_line(&["print"], &wrong_for_the_service);
    assert!(
        matches!(
            &print,
            Ok(CommandLine::Command(Commands {
                command: Command::Print(Print { port: 9000 })
            }))
        ),
        "{print:?}"
    );
    let error = command_line(&["print"], &[("PORT", "70000")]).unwrap_err();
    assert!(error.contains("PORT"), "{error}");
}

#[test]
fn without_a_command_the_service_reads_its_settings() {
    let service = command_line(&[], &[("DATABASE_URL", "sqlite://x")]).unwrap();
    let CommandLine::Service(Cli { command, settings }) = service else {
        panic!("{service:?}")
    };
    assert!(command.is_none());
    assert_eq!(settings.database_url, "sqlite://x");
    let error = command_line(&[], &[]).unwrap_err();
    assert!(error.contains("DATABASE_URL"), "{error}");
    let error = command_line(&["prnit"], &[]).unwrap_err();
    assert!(error.contains("print"), "{error}");
}

#[test]
fn help_lists_the_commands_and_the_settings_of_the_service() {
    let help = command_line(&["--help"], &[]).unwrap_err();
    assert!(help.contains("Prints the port"), "{help}");
    assert!(help.contains("DATABASE_URL"), "{help}");
}

#[test]
fn every_wrong_setting_is_named_at_once_with_its_accepted_values() {
    let error = load(&[
        ("LOG_LEVEL", "inof"),
        ("LOG_FORMAT", "xml"),
        ("LOG_QUERYSTRING", "maybe"),
        ("PORT", "70000"),
        ("ERROR_ENDPOINT", "ture"),
        ("DATABASE_URL", "nonsense"),
    ])
    .unwrap_err();
    for expected in [
        "LOG_LEVEL",
        "expected error, warn,",
        "LOG_FORMAT",
        "expected json or text",
        "LOG_QUERYSTRING",
        "expected true or false",
        "PORT",
        "expected a number from 1 to 65535",
        "ERROR_ENDPOINT",
        "DATABASE_URL",
        "expected postgres:// or sqlite://",
    ] {
        assert!(error.contains(expected), "{expected} is not in: {error}");
    }
    assert!(!error.contains("nonsense"), "a secret is shown: {error}");
}

#[test]
fn a_missing_setting_is_named_beside_the_wrong_ones() {
    let error = load(&[("PORT", "x")]).unwrap_err();
    assert!(
        error.contains("DATABASE_URL") && error.contains("PORT"),
        "{error}"
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let settings = load(&[
        ("DATABASE_URL", "sqlite::memory:"),
        ("SMTP_URL", ""),
        ("PORT", ""),
        ("LOG_LEVEL", ""),
    ]);
    let settings = settings.unwrap();
    assert_eq!(settings.database_url, "sqlite::memory:");
    assert_eq!(settings.smtp_url, None);
    assert_eq!(settings.port, 8000);
    assert_eq!(settings.log.level.to_string(), "info");
    assert!(
        load(&[("DATABASE_URL", "")])
            .unwrap_err()
            .contains("DATABASE_URL")
    );
}

#[test]
fn a_switch_accepts_the_usual_words_in_any_case_and_no_others() {
    for (word, on) in [
        ("true", true),
        ("1", true),
        ("YES", true),
        ("On", true),
        ("false", false),
        ("0", false),
        ("No", false),
        ("OFF", false),
    ] {
        let settings = load(&[("DATABASE_URL", "x"), ("ERROR_ENDPOINT", word)]).unwrap();
        assert_eq!(settings.error_endpoint.is_on(), on, "{word}");
    }
    for word in ["2", "t", "enabled", "disabled", "truefalse"] {
        assert!(
            load(&[("DATABASE_URL", "x"), ("ERROR_ENDPOINT", word)]).is_err(),
            "{word}"
        );
    }
}

#[test]
fn a_log_level_is_a_level_or_a_list_and_nothing_else() {
    for (good, meant) in [
        ("info", "info"),
        ("WARN", "warn"),
        ("off", "off"),
        ("web=debug,sqlx=warn", "sqlx=warn,web=debug,info"),
        ("error, web::views=trace", "web::views=trace,error"),
    ] {
        let settings = load(&[("DATABASE_URL", "x"), ("LOG_LEVEL", good)]).unwrap();
        assert_eq!(settings.log.level.to_string(), meant);
    }
    for bad in [
        "inof",
        "web",
        "web=",
        "web=loud",
        "info,",
        ",",
        "info;web=debug",
        "=debug",
    ] {
        assert!(
            load(&[("DATABASE_URL", "x"), ("LOG_LEVEL", bad)]).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn the_table_lists_every_variable_with_default_and_meaning() {
    let table = table::<Settings>();
    let names: Vec<_> = table
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "LOG_LEVEL",
            "LOG_FORMAT",
            "LOG_QUERYSTRING",
            "LOG_HEARTBEATS",
            "PORT",
            "SMTP_URL",
            "ERROR_ENDPOINT",
            "DATABASE_URL"
        ]
    );
    assert_eq!(
        table[4],
        Variable {
            name: "PORT".to_owned(),
            default: Some("8000".to_owned()),
            required: false,
            description: "The port".to_owned(),
        }
    );
    assert_eq!(table[5].default, None);
    assert!(!table[5].required);
    assert!(table[7].required);
}

#[test]
fn help_lists_the_variables_and_shows_no_secret() {
    let error = try_load_from::<Settings, _, _, _>(
        ["test", "--help"],
        [("SMTP_URL", "smtp://u:hunter2@h")],
    )
    .unwrap_err();
    assert_eq!(error.exit_code(), 0);
    let help = error.to_string();
    for variable in table::<Settings>() {
        assert!(help.contains(&variable.name), "{help}");
    }
    assert!(help.contains("Where mail goes"));
    assert!(!help.contains("hunter2"));
}
