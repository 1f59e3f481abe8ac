//! What the search for Python may ask of the world, so that the search itself is a pure function with tests.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a program may take: more than any model of a microcontroller does on any computer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The variable that has another time, in seconds.
pub(crate) const PATIENCE_VARIABLE: &str = "ARIEL_TIMEOUT";

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

    /// Runs a program to its end with nothing to read and this process's environment; one that takes longer than
    /// [`PATIENCE`] is ended, which is an error of the kind `TimedOut`.
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
        let mut child = Command::new(program)
            .args(arguments)
            // The package's own folder is not a place for modules: a `random.py` there must not break the compiler.
            .env("PYTHONSAFEPATH", "1")
            // Cargo reads directives as UTF-8, whatever the locale.
            .env("PYTHONUTF8", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // Both pipes are read while the program runs, for it waits where one is full.
        let pipes = mpsc::channel();
        let stdout = read(child.stdout.take(), &pipes.0);
        let stderr = read(child.stderr.take(), &pipes.0);
        drop(pipes.0);
        let status = wait(&mut child, &pipes.1, Instant::now() + patience(self))?;
        let [stdout, stderr] = [stdout, stderr].map(|pipe| pipe.join().unwrap_or_default());
        Ok(Finished { code: status.code(), stdout, stderr })
    }
}

/// Returns how long a program may take.
fn patience(env: &impl Environment) -> Duration {
    let given = env.var(PATIENCE_VARIABLE).and_then(|text| text.to_str()?.trim().parse().ok());
    given.map_or(PATIENCE, Duration::from_secs)
}

/// Reads a pipe to its end on a thread of its own, which then drops the sender.
fn read(pipe: Option<impl Read + Send + 'static>, ended: &Sender<()>) -> JoinHandle<Vec<u8>> {
    let ended = ended.clone();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What a broken pipe has given until then is what there is.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        drop(ended);
        bytes
    })
}

/// Waits until nobody writes into the pipes any more and the program has ended; ends it at `deadline`.
fn wait(child: &mut Child, pipes: &Receiver<()>, deadline: Instant) -> io::Result<ExitStatus> {
    // Nothing is ever sent: a disconnected channel says that both pipes are closed.
    let closed = pipes.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    if closed == Err(RecvTimeoutError::Disconnected) {
        // A program may close its pipes and go on.
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
    // Whoever it has started may keep the pipes open: their readers are left behind.
    child.kill()?;
    child.wait()?;
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::io;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::fake::Fake;
    use super::{Environment, PATIENCE, System, patience, read, wait};

    fn shell(script: &str) -> std::process::Child {
        Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell")
    }

    fn waited(script: &str, time: Duration) -> (io::Result<Option<i32>>, Vec<u8>) {
        let mut child = shell(script);
        let (sender, receiver) = mpsc::channel();
        let stdout = read(child.stdout.take(), &sender);
        drop(sender);
        let status = wait(&mut child, &receiver, Instant::now() + time);
        let bytes = if status.is_ok() { stdout.join().expect("no panic") } else { Vec::new() };
        (status.map(|status| status.code()), bytes)
    }

    #[test]
    fn a_program_that_ends_is_read_to_its_end() {
        let finished = System.run(Path::new("/bin/sh"), &["-c", "echo out; echo err >&2; exit 3"]).expect("runs");
        assert_eq!((finished.code, &*finished.stdout, &*finished.stderr), (Some(3), &b"out\n"[..], &b"err\n"[..]));
        let (code, bytes) = waited("yes | head -c 1000000", Duration::from_secs(300));
        assert_eq!((code.expect("ends"), bytes.len()), (Some(0), 1_000_000));
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        for script in ["exec sleep 20", "exec sleep 20 >&-", "sleep 20 & sleep 20"] {
            let (status, _) = waited(script, Duration::from_millis(200));
            assert_eq!(status.expect_err("too long").kind(), io::ErrorKind::TimedOut, "{script}");
        }
    }

    #[test]
    fn patience_may_be_given() {
        assert_eq!(patience(&Fake::new()), PATIENCE);
        assert_eq!(patience(&Fake::new().var("ARIEL_TIMEOUT", "7")), Duration::from_secs(7));
        assert_eq!(patience(&Fake::new().var("ARIEL_TIMEOUT", "soon")), PATIENCE);
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A world of a few files, variables and programs that answer.

    use std::collections::{HashMap, HashSet};
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
        hanging: HashSet<PathBuf>,
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

        /// A program that never ends.
        pub(crate) fn hanging(mut self, path: &str) -> Self {
            self.hanging.insert(path.into());
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
            if self.hanging.contains(program) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.answers.get(program).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }
}
