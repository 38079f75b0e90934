//! The names that new code can have.

use anyhow::ensure;

use crate::words::{capitals, ensure_words};

/// The keywords of Rust, which name no module, and `_`.
const KEYWORDS: [&str; 54] = [
    "_", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub",
    "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "union", "unsafe", "unsized", "use", "virtual", "where", "while", "yield", "main",
];

/// An error unless a name can be that of a module: words of a-z and 0-9 with `_` between them.
pub(super) fn ensure_module(name: &str) -> anyhow::Result<()> {
    ensure_words(name, '_', "send_receipt")?;
    ensure!(!KEYWORDS.contains(&name), "{name:?} is reserved");
    Ok(())
}

/// The name of a type: `SendReceipt`.
pub(super) fn camel(name: &str) -> String {
    capitals(name, '_').concat()
}

/// The name in a sentence: `send receipt`.
pub(super) fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_names_no_module() {
        for bad in ["type", "self", "main", "my-module"] {
            assert!(ensure_module(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_type_has_capital_letters() {
        assert_eq!(camel("send_receipt2"), "SendReceipt2");
    }
}
