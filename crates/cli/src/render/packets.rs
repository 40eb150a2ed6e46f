//! What a conversion to packets did, for a person and as JSON.

use hyperslab::larpix::convert::{Options, Report, Skipped};
use hyperslab::larpix::packet::Asic;
use serde_json::{Value as Json, json};
use std::path::Path;

/// What was left out, in a line; nothing when nothing was.
pub(crate) fn skipped(s: &Skipped) -> Option<String> {
    let parts = [
        (s.messages, "messages without a header left out"),
        (s.words, "words left out"),
        (s.miscounted, "messages with a count that lies"),
    ];
    let said: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{what}: {n}")).collect();
    if said.is_empty() {
        return None;
    }
    let first = s.first.as_ref().map(|(i, why)| format!("; the first is in message {i}: {why}"));
    Some(format!("{}{}", said.join(", "), first.unwrap_or_default()))
}

/// The whole of it.
pub(crate) fn json(raw: &Path, out: &Path, options: &Options, report: &Report) -> Json {
    let s = &report.skipped;
    let mut document = json!({
        "raw": raw.display().to_string(),
        "out": out.display().to_string(),
        "format_version": options.form.format().version(),
        "asic": match options.form.asic() { Asic::V2 => 2, Asic::V3 => 3 },
        "messages": report.messages,
        "rows": report.rows,
        "skipped": { "messages": s.messages, "words": s.words, "miscounted": s.miscounted },
        "notes": report.notes,
    });
    if let Some((index, error)) = &s.first {
        document["skipped"]["first"] = json!({ "index": index, "error": error });
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said() {
        assert_eq!(skipped(&Skipped::default()), None);
        let s = Skipped { messages: 2, miscounted: 1, first: Some((7, "torn".into())), ..Skipped::default() };
        assert_eq!(
            skipped(&s).unwrap(),
            "messages without a header left out: 2, messages with a count that lies: 1; the first is in message 7: torn"
        );
    }
}
