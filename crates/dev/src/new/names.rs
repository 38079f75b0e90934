//! The names that new code can have.

use anyhow::ensure;

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
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.split('_').all(is_word)
            && name.len() <= 50,
        "{name:?} is no name: words of a-z and 0-9 with _ between them are, 50 characters at most, such as send_receipt"
    );
    ensure!(!KEYWORDS.contains(&name), "{name:?} is reserved");
    Ok(())
}

/// The name of a type: `SendReceipt`.
pub(super) fn camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// The name in a sentence: `send receipt`.
pub(super) fn spoken(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_name_is_words_of_a_z_and_0_9_with_underscores_between_them() {
        for good in ["a", "order", "send_receipt", "order2"] {
            ensure_module(good).unwrap();
        }
        let long = "a".repeat(51);
        for bad in [
            "", "_", "a_", "_a", "a__b", "A", "2a", "a-b", "a b", "ä", "type", "self", "../a",
            &long,
        ] {
            assert!(ensure_module(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_type_has_capital_letters() {
        assert_eq!(camel("send_receipt2"), "SendReceipt2");
    }
}
