//! Where Python may be, in the order of the contract.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::shebang;

/// Why a Python is a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    ArielPython,
    VirtualEnv,
    PackageVenv,
    WorkspaceVenv,
    CargoAriel,
    Python3,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ArielPython => "ARIEL_PYTHON",
            Self::VirtualEnv => "VIRTUAL_ENV",
            Self::PackageVenv => ".venv of the package",
            Self::WorkspaceVenv => ".venv of the workspace",
            Self::CargoAriel => "cargo-ariel on PATH",
            Self::Python3 => "python3 on PATH",
        })
    }
}

/// A place that was looked at: the interpreter there, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) origin: Origin,
    pub(crate) python: Result<PathBuf, String>,
    /// Files whose change makes the answer another one.
    pub(crate) watched: Vec<PathBuf>,
}

/// Returns the candidates in their order; `package` is the folder of the package's Cargo.toml.
pub(crate) fn candidates(env: &impl Environment, package: &Path) -> Vec<Candidate> {
    let mut found = vec![ariel_python(env, package), virtual_env(env)];
    found.push(dot_venv(env, Origin::PackageVenv, package));
    if let Some(workspace) = workspace_root(env, package).filter(|root| root != package) {
        found.push(dot_venv(env, Origin::WorkspaceVenv, &workspace));
    }
    found.push(cargo_ariel(env));
    found.push(python3(env));
    found
}

/// Returns the nearest folder, from `package` upwards, whose Cargo.toml has a `[workspace]`.
pub(crate) fn workspace_root(env: &impl Environment, package: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| {
        let text = env.read(&folder.join("Cargo.toml")).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().any(|line| {
            let line = line.trim_start();
            line.starts_with("[workspace]") || line.starts_with("[workspace.")
        })
    };
    package.ancestors().find(is_root).map(Path::to_path_buf)
}

/// Returns the interpreter of the virtual environment in `folder`.
pub(crate) fn venv_python(folder: &Path) -> PathBuf {
    folder.join(if cfg!(windows) { "Scripts\\python.exe" } else { "bin/python" })
}

fn ariel_python(env: &impl Environment, package: &Path) -> Candidate {
    let python = match env.var("ARIEL_PYTHON").map(PathBuf::from) {
        None => Err("not set".to_owned()),
        Some(value) => named(env, package, &value),
    };
    let watched = python.iter().flat_map(|python| watched_in(env, python)).collect();
    Candidate { origin: Origin::ArielPython, python, watched }
}

/// Returns what `ARIEL_PYTHON` names: a command, or the path of an interpreter or of a virtual environment, which may
/// be relative to the package or to the workspace.
fn named(env: &impl Environment, package: &Path, value: &Path) -> Result<PathBuf, String> {
    let is_command = value.components().count() == 1;
    if is_command && let Ok(python) = on_path(env, value) {
        return Ok(python);
    }
    let roots = [Some(package.to_path_buf()), workspace_root(env, package)];
    roots
        .into_iter()
        .flatten()
        .map(|root| root.join(value))
        .map(|path| if env.is_dir(&path) { venv_python(&path) } else { path })
        .find(|path| env.is_file(path))
        .ok_or_else(|| format!("{} is not there{}", value.display(), if is_command { ", nor on PATH" } else { "" }))
}

fn virtual_env(env: &impl Environment) -> Candidate {
    match env.var("VIRTUAL_ENV") {
        None => Candidate { origin: Origin::VirtualEnv, python: Err("not set".to_owned()), watched: Vec::new() },
        Some(folder) => venv(env, Origin::VirtualEnv, Path::new(&folder)),
    }
}

fn dot_venv(env: &impl Environment, origin: Origin, root: &Path) -> Candidate {
    venv(env, origin, &root.join(".venv"))
}

fn venv(env: &impl Environment, origin: Origin, folder: &Path) -> Candidate {
    let python = venv_python(folder);
    if env.is_file(&python) {
        let watched = watched_in(env, &python);
        return Candidate { origin, python: Ok(python), watched };
    }
    let missing = if env.is_dir(folder) { python.as_path() } else { folder };
    Candidate { origin, python: Err(format!("{} does not exist", missing.display())), watched: Vec::new() }
}

/// Returns the file that a new virtual environment in the same place has written anew, if `python` is in one.
fn watched_in(env: &impl Environment, python: &Path) -> Vec<PathBuf> {
    pyvenv_cfg(env, python).into_iter().collect()
}

/// Returns the pyvenv.cfg of the virtual environment that `python` belongs to.
pub(crate) fn pyvenv_cfg(env: &impl Environment, python: &Path) -> Option<PathBuf> {
    python.parent()?.parent().map(|root| root.join("pyvenv.cfg")).filter(|file| env.is_file(file))
}

fn cargo_ariel(env: &impl Environment) -> Candidate {
    let (python, watched) = match on_path(env, Path::new("cargo-ariel")) {
        Err(reason) => (Err(reason), Vec::new()),
        Ok(script) => {
            let python = shebang::interpreter(env, &script)
                .and_then(|python| if python.is_absolute() { Ok(python) } else { on_path(env, &python) });
            (python, vec![script])
        }
    };
    Candidate { origin: Origin::CargoAriel, python, watched }
}

fn python3(env: &impl Environment) -> Candidate {
    let mut python = on_path(env, Path::new("python3"));
    if cfg!(windows) {
        python = python.or_else(|reason| on_path(env, Path::new("python")).map_err(|_| reason));
    }
    Candidate { origin: Origin::Python3, python, watched: Vec::new() }
}

/// Returns the first file of that name in the folders of PATH.
fn on_path(env: &impl Environment, name: &Path) -> Result<PathBuf, String> {
    let path = env.var("PATH").unwrap_or_default();
    let mut file = name.as_os_str().to_owned();
    if cfg!(windows) && name.extension() != Some(OsStr::new("exe")) {
        file.push(".exe"); // not with_extension(): python3.12 has one
    }
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(&file))
        .find(|candidate| env.is_file(candidate))
        .ok_or_else(|| format!("no {} on PATH", name.display()))
}

#[cfg(all(test, unix))]
mod tests;
