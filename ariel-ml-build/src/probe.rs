//! Asks a Python whether it has our compiler, and has it compile in the same breath.

use std::io::ErrorKind;
use std::path::Path;

use crate::environment::{Environment, Finished};
use crate::version::Minor;

/// The program that answers; begins its answer with [`MARK`].
const PROGRAM: &str = include_str!("probe.py");
const MARK: &str = "ariel-probe: ";

/// What a Python answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It has the compiler, which ran: what it printed and how it ended.
    Compiled { stdout: String, stderr: Vec<u8>, code: Option<i32> },
    /// It has an `ariel_build` of another minor version.
    OtherVersion(String),
    /// It has an `ariel_build` that lacks something.
    Incomplete(String),
    /// It has none.
    Absent,
    /// It is too old itself.
    OldPython(String),
    /// It took longer than anybody waits: whether it hung or compiled is not known.
    TimedOut,
    /// It could not be asked.
    Failed(String),
}

/// Runs the probe, and where it finds the compiler of version `wanted`, the compiler.
pub(crate) fn probe(env: &impl Environment, python: &Path, wanted: Minor) -> Answer {
    match env.run(python, &["-c", PROGRAM, &wanted.to_string()]) {
        Err(error) if error.kind() == ErrorKind::TimedOut => Answer::TimedOut,
        Err(error) => Answer::Failed(format!("cannot be run: {error}")),
        Ok(finished) => understand(finished),
    }
}

fn understand(finished: Finished) -> Answer {
    let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
    // A sitecustomize.py may have said something before us.
    let marked = stdout.lines().find_map(|line| line.strip_prefix(MARK));
    let Some((status, detail)) = marked.map(|line| line.split_once(' ').unwrap_or((line, ""))) else {
        let stderr = String::from_utf8_lossy(&finished.stderr);
        let last = stderr.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing");
        return Answer::Failed(match finished.code {
            Some(code) => format!("failed with exit code {code}: {last}"),
            None => format!("was ended by a signal: {last}"),
        });
    };
    let detail = detail.to_owned();
    match status {
        "ready" => {
            let begin = stdout.find(MARK).unwrap_or(0);
            let rest = stdout[begin..].split_once('\n').map_or("", |(_, rest)| rest);
            Answer::Compiled { stdout: rest.to_owned(), stderr: finished.stderr, code: finished.code }
        }
        "version" => Answer::OtherVersion(detail),
        "incomplete" => Answer::Incomplete(detail),
        "absent" => Answer::Absent,
        "python" => Answer::OldPython(detail),
        _ => Answer::Failed(format!("gave the answer `{status} {detail}`, which is none")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, understand};
    use crate::environment::Finished;

    fn said(stdout: &str, stderr: &str, code: Option<i32>) -> Answer {
        understand(Finished { code, stdout: stdout.into(), stderr: stderr.into() })
    }

    #[test]
    fn the_compilers_lines_follow_the_mark() {
        let answer = said("noise\nariel-probe: ready 0.1.3\ncargo::warning=x\ncargo::error=y\n", "log", Some(2));
        let stdout = "cargo::warning=x\ncargo::error=y\n".to_owned();
        assert_eq!(answer, Answer::Compiled { stdout, stderr: b"log".to_vec(), code: Some(2) });
    }

    #[test]
    fn each_refusal_has_its_word() {
        assert_eq!(said("ariel-probe: absent\n", "", Some(0)), Answer::Absent);
        assert_eq!(said("ariel-probe: python 3.9\n", "", Some(0)), Answer::OldPython("3.9".to_owned()));
        assert_eq!(said("ariel-probe: version 0.2.0\n", "", Some(0)), Answer::OtherVersion("0.2.0".to_owned()));
        assert_eq!(
            said("ariel-probe: incomplete No module named 'numpy'\n", "", Some(0)),
            Answer::Incomplete("No module named 'numpy'".to_owned())
        );
    }

    #[test]
    fn what_is_no_python_is_reported_by_its_last_words() {
        assert_eq!(
            said("", "pyenv: version `3.12' is not installed\n\n", Some(1)),
            Answer::Failed("failed with exit code 1: pyenv: version `3.12' is not installed".to_owned())
        );
        assert_eq!(said("hello\n", "", None), Answer::Failed("was ended by a signal: it said nothing".to_owned()));
    }
}
