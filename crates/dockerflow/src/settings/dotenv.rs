//! Reads the `.env` file without changing the process's environment, which is not thread-safe.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;

/// The variables of the file and its faults. A missing file is an empty one.
///
/// A fault names the line and the variable but not the value, which may be a secret.
pub(super) fn read(path: impl AsRef<Path>) -> (BTreeMap<OsString, OsString>, Vec<String>) {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
        Err(error) => (BTreeMap::new(), vec![format!(".env: {error}")]),
    }
}

fn parse(text: &str) -> (BTreeMap<OsString, OsString>, Vec<String>) {
    // Some editors start a file with a byte order mark, which would become part of the first name.
    let text = text.trim_start_matches('\u{feff}');
    let handed_out = Cell::new(0);
    let mut variables = BTreeMap::new();
    let mut faults = Vec::new();
    for entry in dotenvy::from_read_iter(Lines::new(text, &handed_out)) {
        match entry {
            // The first of two lines for one variable counts, as in dotenvy.
            Ok((name, value)) => {
                variables.entry(name.into()).or_insert_with(|| value.into());
            }
            Err(dotenvy::Error::LineParse(entry, _)) => {
                let further_lines = entry.trim_end().matches('\n').count();
                faults.push(fault(text, handed_out.get().saturating_sub(further_lines)));
            }
            Err(error) => {
                faults.push(format!(".env: {error}"));
                break;
            }
        }
    }
    faults.extend(text.lines().enumerate().filter_map(substitution));
    (variables, faults)
}

/// The fault of a value with a `$`, which would be replaced by a variable that is probably none: it is part of a
/// password.
fn substitution((index, line): (usize, &str)) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let name = name.strip_prefix("export ").unwrap_or(name).trim();
    let value = value.trim();
    let is_replaced = value.replace("\\$", "").contains('$') && !value.starts_with('\'');
    (is_name(name) && is_replaced).then(|| {
        let number = index + 1;
        format!(".env, line {number}: the value of '{name}' has a $: put it into single quotes")
    })
}

fn fault(text: &str, number: usize) -> String {
    let line = text.lines().nth(number.saturating_sub(1)).unwrap_or("");
    let name = line.split_once('=').map(|(name, _)| name.trim());
    let name = name.map(|name| name.strip_prefix("export ").unwrap_or(name).trim());
    match name.filter(|name| is_name(name)) {
        Some(name) => format!(
            ".env, line {number}: the value of '{name}' does not parse: is a quote left open, or missing around spaces?"
        ),
        None => format!(".env, line {number}: does not parse, expected NAME=value"),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns one line per read and counts the lines: dotenvy does not report the line of an error,
/// but reads no further than that line.
struct Lines<'a> {
    rest: &'a [u8],
    handed_out: &'a Cell<usize>,
    within_line: bool,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, handed_out: &'a Cell<usize>) -> Self {
        Self {
            rest: text.as_bytes(),
            handed_out,
            within_line: false,
        }
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line_end = self.rest.iter().position(|&byte| byte == b'\n');
        let line = line_end.map_or(self.rest.len(), |end| end + 1);
        let length = line.min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        if length > 0 && !self.within_line {
            self.handed_out.set(self.handed_out.get() + 1);
        }
        self.within_line = length < line;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_fault_names_its_line_and_variable_and_not_the_value() {
        let (variables, faults) = parse(
            "# a comment\nGOOD=1\n\nSMTP_URL=hunter2 is secret\nMANY=\"two\nlines\"\nhunter2\nOPEN='hunter2\nuntil the end\n",
        );
        assert_eq!(variables.len(), 2, "{variables:?}");
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[0].starts_with(".env, line 4: the value of 'SMTP_URL'"));
        assert!(faults[1].starts_with(".env, line 7: does not parse"));
        assert!(faults[2].starts_with(".env, line 8: the value of 'OPEN'"));
        assert!(!faults.concat().contains("hunter2"));
    }

    #[test]
    fn a_dollar_is_part_of_a_value_only_in_single_quotes_or_escaped() {
        let (variables, faults) = parse("# $\nA='pa$word'\nB=pa\\$word\n");
        assert_eq!(faults, Vec::<String>::new());
        for name in ["A", "B"] {
            assert_eq!(variables[std::ffi::OsStr::new(name)], "pa$word");
        }
        let (_, faults) = parse("X=hunter$2\nexport Y=\"hunter${2}\"\n");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with(".env, line 1: the value of 'X' has a $"));
        assert!(!faults.concat().contains("hunter"));
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_first_name() {
        let (variables, faults) = parse("\u{feff}PORT=8000\n");
        assert!(faults.is_empty());
        assert_eq!(variables[std::ffi::OsStr::new("PORT")], "8000");
    }
}
