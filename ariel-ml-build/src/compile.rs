//! The way of a build: candidates, probe, and the directives that cargo gets.

use std::path::{Path, PathBuf};

use crate::candidates::{Candidate, Origin, candidates, workspace_root};
use crate::environment::Environment;
use crate::probe::{Answer, probe};
use crate::remedy;
use crate::version::Minor;

/// What cargo is to be told.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Lines for standard output.
    pub(crate) directives: Vec<String>,
    /// What the compiler wrote on standard error.
    pub(crate) stderr: Vec<u8>,
    /// Whether cargo shall show all of it: a defect of ours.
    pub(crate) dump: bool,
}

impl Outcome {
    fn tell(&mut self, directive: &str, value: impl AsRef<str>) {
        // A directive is a line: a path with a line break in it would begin another.
        self.directives.push(format!("cargo::{directive}={}", value.as_ref().replace(['\n', '\r'], " ")));
    }

    fn watch_variable(&mut self, name: &str) {
        self.tell("rerun-if-env-changed", name);
    }

    fn watch_files(&mut self, files: &[PathBuf]) {
        for file in files {
            self.tell("rerun-if-changed", file.display().to_string());
        }
    }
}

/// A candidate that did not do, and why.
struct Refused {
    origin: Origin,
    python: Option<PathBuf>,
    reason: String,
    /// What it answered, if it was asked.
    answer: Option<Answer>,
}

impl Refused {
    /// Whether a virtual environment for the compiler can be made with it.
    fn makes_venvs(&self) -> bool {
        matches!(self.answer, Some(Answer::Absent | Answer::OtherVersion(_) | Answer::Incomplete(_)))
    }
}

/// Finds the Python that has the compiler, has it compile, and returns what cargo is to be told.
pub(crate) fn build(env: &impl Environment) -> Outcome {
    let mut outcome = Outcome::default();
    let Some(package) = env.var("CARGO_MANIFEST_DIR").map(PathBuf::from).filter(|_| env.var("OUT_DIR").is_some())
    else {
        outcome
            .tell("error", "ariel_ml_build::compile() runs in a build.rs: CARGO_MANIFEST_DIR and OUT_DIR are not set");
        outcome.dump = true;
        return outcome;
    };
    for variable in ["ARIEL_PYTHON", "VIRTUAL_ENV", "PYTHONPATH"] {
        outcome.watch_variable(variable);
    }
    let mut refused: Vec<Refused> = Vec::new();
    for candidate in candidates(env, &package) {
        // Editors and terminals differ in PATH, and would undo each other's builds, so it counts only where it decides.
        if candidate.origin == Origin::CargoAriel {
            outcome.watch_variable("PATH");
        }
        match ask(env, candidate, &refused) {
            // What hung once may hang again, and the user has waited long enough.
            Err(why) if why.answer == Some(Answer::TimedOut) => {
                outcome.tell("error", format!("{}: {}", why.origin, why.reason));
                outcome.tell("error", format!("  help: {}", remedy::MORE_TIME));
                return outcome;
            }
            Err(why) => refused.push(why),
            Ok((watched, stdout, stderr, code)) => {
                warn_of_passed_over(&mut outcome, &refused);
                outcome.watch_files(&watched);
                finish(&mut outcome, &stdout, stderr, code);
                return outcome;
            }
        }
    }
    explain(env, &package, &refused, &mut outcome);
    outcome
}

type Compiled = (Vec<PathBuf>, String, Vec<u8>, Option<i32>);

fn ask(env: &impl Environment, candidate: Candidate, refused: &[Refused]) -> Result<Compiled, Refused> {
    let origin = candidate.origin;
    let python = match candidate.python {
        Ok(python) => python,
        Err(reason) => return Err(Refused { origin, python: None, reason, answer: None }),
    };
    if let Some(before) = refused.iter().find(|before| before.python.as_deref() == Some(&python)) {
        let reason = format!("the same as {}", before.origin);
        return Err(Refused { origin, python: None, reason, answer: None });
    }
    let answer = probe(env, &python, Minor::own());
    let path = python.display();
    let reason = match &answer {
        Answer::Compiled { .. } => String::new(),
        Answer::OtherVersion(version) => {
            let age = if is_older(version) { "too old" } else { "too new" };
            format!("{path} has ariel_build {version}, which is {age}")
        }
        Answer::Incomplete(what) => format!("{path} has an ariel_build that lacks something: {what}"),
        Answer::Absent => format!("{path} has no ariel_build"),
        Answer::OldPython(version) => format!("{path} is Python {version}; 3.11 or newer is needed"),
        Answer::TimedOut => format!("{path} did not come to an end, and was stopped"),
        Answer::Failed(how) => format!("{path} {how}"),
    };
    match answer {
        Answer::Compiled { stdout, stderr, code } => Ok((candidate.watched, stdout, stderr, code)),
        answer => Err(Refused { origin, python: Some(python), reason, answer: Some(answer) }),
    }
}

fn is_older(version: &str) -> bool {
    Minor::parse(version).is_none_or(|version| version < Minor::own())
}

/// A Python that the user named, or that has some `ariel_build`, is not passed over in silence.
fn warn_of_passed_over(outcome: &mut Outcome, refused: &[Refused]) {
    for why in refused {
        let named = why.origin == Origin::ArielPython && why.reason != "not set";
        if named || matches!(why.answer, Some(Answer::OtherVersion(_) | Answer::Incomplete(_))) {
            outcome.tell("warning", format!("{}: {}; another Python was used", why.origin, why.reason));
        }
    }
}

/// Forwards what the compiler said; where it failed without an error for cargo, that is one.
fn finish(outcome: &mut Outcome, stdout: &str, stderr: Vec<u8>, code: Option<i32>) {
    outcome.directives.extend(stdout.lines().map(str::to_owned));
    outcome.stderr = stderr;
    let told = stdout.lines().any(|line| line.starts_with("cargo::error="));
    match code {
        Some(0) => {}
        Some(70) => outcome.dump = true,
        _ if told => {}
        _ => {
            let how =
                code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with exit code {code}"));
            outcome.tell("error", format!("ariel_build {how} without saying why; its output follows"));
            outcome.dump = true;
        }
    }
}

/// Says what was tried and which commands help.
fn explain(env: &impl Environment, package: &Path, refused: &[Refused], outcome: &mut Outcome) {
    let wanted = Minor::own();
    let requirement = remedy::requirement(env, Path::new(env!("CARGO_MANIFEST_DIR")), wanted);
    let mut lines = Vec::new();
    let of_other_version = refused.iter().find_map(|why| match (&why.answer, &why.python) {
        (Some(Answer::OtherVersion(version)), Some(python)) => Some((version, python)),
        _ => None,
    });
    let incomplete = refused.iter().find_map(|why| match (&why.answer, &why.python) {
        (Some(Answer::Incomplete(_)), Some(python)) => Some(python),
        _ => None,
    });
    lines.push(match of_other_version {
        Some((version, _)) => {
            let age = if is_older(version) { "old" } else { "new" };
            format!("ariel_build {version} is too {age} for ariel-ml-build {}", env!("CARGO_PKG_VERSION"))
        }
        None => format!("no Python has ariel_build {wanted}, which compiles the models of this package"),
    });
    for why in refused {
        lines.push(format!("  tried {}: {}", why.origin, why.reason));
    }
    let mended = of_other_version.map(|(_, python)| python).or(incomplete);
    if let Some(command) = mended.and_then(|python| remedy::replace(env, python, &requirement)) {
        lines.push(format!("  help: {command}"));
    } else {
        let able = || refused.iter().filter(|why| why.makes_venvs());
        let python = match able().find(|why| why.origin == Origin::Python3) {
            Some(_) => Some(Path::new("python3")), // as a user would type it
            None => able().find_map(|why| why.python.as_deref()),
        };
        let home = workspace_root(env, package).unwrap_or_else(|| package.to_path_buf());
        let [venv, pipx] = remedy::install(&home, python.unwrap_or(Path::new("python3")), &requirement);
        lines.push(format!("  help, for this project:  {venv}"));
        lines.push(format!("  help, for this user:     {pipx}"));
        if python.is_none() {
            lines.push("  help: Python 3.11 or newer is needed first; ARIEL_PYTHON may name it".to_owned());
        }
    }
    if let Some((version, _)) = of_other_version.filter(|(version, _)| !is_older(version)) {
        let theirs = Minor::parse(version).map_or_else(|| version.clone(), |minor| minor.to_string());
        lines.push(format!("  help: or set ariel-ml-rs and ariel-ml-build to \"{theirs}\" in Cargo.toml"));
    }
    for line in lines {
        outcome.tell("error", line);
    }
}

#[cfg(all(test, unix))]
mod tests;
