//! Why one datum has no row, or one row no datum.

/// What a datum or a row breaks.
#[derive(Debug)]
pub enum Fault {
    /// A rule: the field's path, dots between names, and the rest of a sentence that begins with the field.
    Rule { path: String, rule: String },
    /// The column would be larger than its 32-bit offsets can say: the batch has to be split.
    Full,
}

/// Boxed, so that the way without faults carries one word.
pub type Result<T> = std::result::Result<T, Box<Fault>>;

#[cold]
pub fn fault(path: &str, rule: impl Into<String>) -> Box<Fault> {
    Box::new(Fault::Rule { path: path.to_owned(), rule: rule.into() })
}

#[cold]
pub fn cut_off(path: &str) -> Box<Fault> {
    fault(path, "is cut off: the message ends within it")
}

impl Fault {
    /// The sentence for a person; None asks to split the batch.
    pub fn sentence(&self) -> Option<String> {
        match self {
            Fault::Rule { path, rule } if path.is_empty() => Some(format!("The record {rule}.")),
            Fault::Rule { path, rule } => Some(format!("Field {path} {rule}.")),
            Fault::Full => None,
        }
    }
}

/// A value as sentences show it: 60 characters at most.
pub fn shown(text: &str) -> String {
    if text.chars().count() <= 60 {
        text.to_owned()
    } else {
        format!("{}...", text.chars().take(57).collect::<String>())
    }
}
