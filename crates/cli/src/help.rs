//! Help by what a person wants to do, and mistakes on the command line in the words of every other error.

use crate::exit;
use anstream::ColorChoice;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::process::ExitCode;

/// The commands of each purpose, in the order in which help lists them.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Look", &["ls", "show"]),
    ("Move", &["convert", "append", "repack"]),
    ("Check", &["sum", "diff", "verify", "recover"]),
    ("Record", &["log", "packets"]),
    ("Cache", &["cache"]),
    ("Learn", &["demo", "completions"]),
];

/// The same commands, listed by group in the help of the whole.
pub(crate) fn grouped(command: clap::Command) -> clap::Command {
    let width = command.get_subcommands().map(|c| c.get_name().len()).max().unwrap_or(0);
    let bold = anstyle::Style::new().bold();
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("{bold}{title}:{bold:#}\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(|c| c.get_about());
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {bold}{name:<width$}{bold:#}  {about}\n"));
        }
        text.push('\n');
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{text}{bold}Options:{bold:#}\n{{options}}{{after-help}}"
    );
    command.help_template(template)
}

/// Sets the colors of every stream from `--color`, before anything is parsed or printed.
pub(crate) fn set_colors() {
    let mut choice = ColorChoice::Auto;
    let mut args = std::env::args_os().skip(1).take_while(|a| a != "--");
    while let Some(arg) = args.next() {
        let value: Option<OsString> = match arg.to_str() {
            Some("--color") => args.next(),
            Some(a) => a.strip_prefix("--color=").map(Into::into),
            None => None,
        };
        match value.as_deref().and_then(|v| v.to_str()) {
            Some("always") => choice = ColorChoice::Always,
            Some("never") => choice = ColorChoice::Never,
            Some("auto") => choice = ColorChoice::Auto,
            _ => {}
        }
    }
    choice.write_global();
}

/// Prints help or version where they were asked for (exit code 0), and a mistake where one was made (2).
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    let rendered = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = rendered.ansi().to_string();
            let written = std::io::Write::write_all(&mut anstream::stdout().lock(), text.as_bytes());
            exit::code(written.map(|()| exit::Answer::Yes).map_err(Into::into))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            anstream::eprint!("{}", rendered.ansi());
            ExitCode::from(2)
        }
        _ => {
            let text = rendered.to_string();
            anstream::eprint!("slab: {}", text.strip_prefix("error: ").unwrap_or(&text));
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_is_in_one_group() {
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let command = crate::args::Cli::command();
        let mut all: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        grouped.sort_unstable();
        all.sort_unstable();
        assert_eq!(grouped, all);
    }
}
