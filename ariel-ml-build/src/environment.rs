//! What the search for Python may ask of the world, so that the search itself is a pure function with tests.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The world: environment variables, files and processes.
pub(crate) trait Environment {
    /// Returns the variable, `None` where it is unset or empty.
    fn var(&self, name: &str) -> Option<OsString>;

    /// Whether there is a file (a link to one counts).
    fn is_file(&self, path: &Path) -> bool;

    /// Whether there is a folder.
    fn is_dir(&self, path: &Path) -> bool;

    /// Returns the bytes of a file, `None` where it cannot be read.
    fn read(&self, path: &Path) -> Option<Vec<u8>>;

    /// Returns the path without links, or as it is where it leads nowhere.
    fn canonical(&self, path: &Path) -> PathBuf;

    /// Runs a program to its end with nothing to read and this process's environment.
    fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<Finished>;
}

/// What a program that has ended leaves behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finished {
    /// Exit code, `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// The world as it is.
pub(crate) struct System;

impl Environment for System {
    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        std::fs::read(path).ok()
    }

    fn canonical(&self, path: &Path) -> PathBuf {
        path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> io::Result<Finished> {
        let output = Command::new(program)
            .args(arguments)
            // The package's own folder is not a place for modules: a `random.py` there must not break the compiler.
            .env("PYTHONSAFEPATH", "1")
            // Cargo reads directives as UTF-8, whatever the locale.
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::null())
            .output()?;
        Ok(Finished { code: output.status.code(), stdout: output.stdout, stderr: output.stderr })
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A world of a few files, variables and programs that answer.

    use std::collections::HashMap;
    use std::ffi::OsString;
    use std::io;
    use std::path::{Path, PathBuf};

    use super::{Environment, Finished};

    #[derive(Default)]
    pub(crate) struct Fake {
        variables: HashMap<String, OsString>,
        files: HashMap<PathBuf, String>,
        links: HashMap<PathBuf, PathBuf>,
        answers: HashMap<PathBuf, Finished>,
    }

    impl Fake {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn var(mut self, name: &str, value: &str) -> Self {
            self.variables.insert(name.to_owned(), value.into());
            self
        }

        pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
            self.files.insert(path.into(), text.to_owned());
            self
        }

        /// A file that is a link to another.
        pub(crate) fn link(mut self, path: &str, target: &str) -> Self {
            self.links.insert(path.into(), target.into());
            self
        }

        /// A program, and what it says whatever it is asked.
        pub(crate) fn program(mut self, path: &str, stdout: &str, code: i32) -> Self {
            let finished = Finished { code: Some(code), stdout: stdout.into(), stderr: Vec::new() };
            self.answers.insert(path.into(), finished);
            self.file(path, "")
        }
    }

    impl Environment for Fake {
        fn var(&self, name: &str) -> Option<OsString> {
            self.variables.get(name).cloned()
        }

        fn is_file(&self, path: &Path) -> bool {
            self.files.contains_key(&self.canonical(path))
        }

        fn is_dir(&self, path: &Path) -> bool {
            self.files.keys().any(|file| file != path && file.starts_with(path))
        }

        fn read(&self, path: &Path) -> Option<Vec<u8>> {
            self.files.get(&self.canonical(path)).map(|text| text.clone().into_bytes())
        }

        fn canonical(&self, path: &Path) -> PathBuf {
            self.links.get(path).cloned().unwrap_or_else(|| path.to_path_buf())
        }

        fn run(&self, program: &Path, _arguments: &[&str]) -> io::Result<Finished> {
            self.answers.get(program).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }
}
