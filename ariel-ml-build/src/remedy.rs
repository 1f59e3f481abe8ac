//! The commands that help when no Python has the compiler.

use std::path::Path;

use crate::candidates::{pyvenv_cfg, venv_python};
use crate::environment::Environment;
use crate::version::Minor;

/// What helps where Python has taken longer than [`crate::environment::PATIENCE`].
pub(crate) const MORE_TIME: &str = "it may take 15 minutes, or as many seconds as ARIEL_TIMEOUT says; \
                                    `python -m ariel_build compile MODEL -o DIR` tries a model by itself";

/// Returns what pip installs to get the compiler that belongs to this crate.
///
/// A crate that Cargo took from a checkout or from git has the Python package's sources beside it: then it is they, so
/// that the command works before, and without, a release.
pub(crate) fn requirement(env: &impl Environment, own_folder: &Path, wanted: Minor) -> String {
    own_folder
        .parent()
        .filter(|root| {
            let project = env.read(&root.join("pyproject.toml")).unwrap_or_default();
            String::from_utf8_lossy(&project).contains("name = \"ariel-build\"")
        })
        .map_or_else(|| format!("ariel-build=={wanted}.*"), |root| root.display().to_string())
}

/// Returns the commands that install the compiler where there is none: into a virtual environment `.venv` in `root`,
/// made with `python`, and with pipx.
pub(crate) fn install(root: &Path, python: &Path, requirement: &str) -> [String; 2] {
    let folder = root.join(".venv");
    let venv = format!(
        "{} -m venv {} && {} -m pip install {}",
        quoted(&python.display().to_string()),
        quoted(&folder.display().to_string()),
        quoted(&venv_python(&folder).display().to_string()),
        quoted(requirement)
    );
    [venv, format!("pipx install {}", quoted(requirement))]
}

/// Returns the command that brings the `ariel_build` of this Python to the version that `requirement` names, `None`
/// where it is not in a virtual environment: distributions forbid pip there.
pub(crate) fn replace(env: &impl Environment, python: &Path, requirement: &str) -> Option<String> {
    let config = env.read(&pyvenv_cfg(env, python)?)?;
    let requirement = quoted(requirement);
    if is_below(python, &["pipx", "venvs", "ariel-build"]) {
        return Some(format!("pipx install --force {requirement}"));
    }
    if is_below(python, &["uv", "tools", "ariel-build"]) {
        return Some(format!("uv tool install --force {requirement}"));
    }
    let python = quoted(&python.display().to_string());
    // uv makes virtual environments without pip, and says so in their pyvenv.cfg.
    let made_by_uv = String::from_utf8_lossy(&config).lines().any(|line| line.trim_start().starts_with("uv "));
    Some(if made_by_uv {
        format!("uv pip install --python {python} --reinstall {requirement}")
    } else {
        format!("{python} -m pip install --upgrade --force-reinstall {requirement}")
    })
}

fn is_below(python: &Path, folders: &[&str]) -> bool {
    let parts: Vec<_> = python.components().map(|part| part.as_os_str().to_ascii_lowercase()).collect();
    parts.windows(folders.len()).any(|window| window.iter().zip(folders).all(|(part, folder)| part == folder))
}

/// Returns a word as a shell takes it: a path with a space, or a version's `*`, in quotes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/\\:._-+".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{install, replace, requirement};
    use crate::environment::fake::Fake;
    use crate::version::Minor;
    use std::path::Path;

    #[test]
    fn a_checkout_is_installed_from_itself() {
        let own = Path::new("/src/ariel-ml/ariel-ml-build");
        assert_eq!(requirement(&Fake::new(), own, Minor(0, 1)), "ariel-build==0.1.*");
        let other = Fake::new().file("/src/ariel-ml/pyproject.toml", "name = \"other\"");
        assert_eq!(requirement(&other, own, Minor(0, 1)), "ariel-build==0.1.*");
        let checkout = Fake::new().file("/src/ariel-ml/pyproject.toml", "[project]\nname = \"ariel-build\"\n");
        assert_eq!(requirement(&checkout, own, Minor(0, 1)), "/src/ariel-ml");
    }

    #[test]
    fn commands_can_be_pasted_into_a_shell() {
        let [venv, pipx] = install(Path::new("/my firmware"), Path::new("python3"), "ariel-build==0.1.*");
        assert_eq!(
            venv,
            "python3 -m venv \"/my firmware/.venv\" && \"/my firmware/.venv/bin/python\" -m pip install \
             \"ariel-build==0.1.*\""
        );
        assert_eq!(pipx, "pipx install \"ariel-build==0.1.*\"");
        let [venv, _] = install(Path::new("/ws"), Path::new("/usr/bin/python3.12"), "/src/ariel-ml");
        assert_eq!(venv, "/usr/bin/python3.12 -m venv /ws/.venv && /ws/.venv/bin/python -m pip install /src/ariel-ml");
    }

    #[test]
    fn each_tool_upgrades_what_it_installed() {
        let upgrade = |python: &str, config: &str| {
            let root = Path::new(python).ancestors().nth(2).unwrap_or(Path::new("/")).join("pyvenv.cfg");
            let env = Fake::new().file(&root.display().to_string(), config);
            replace(&env, Path::new(python), "ariel-build==0.1.*").unwrap_or_default()
        };
        assert_eq!(
            upgrade("/ws/.venv/bin/python", "home = /usr/bin\n"),
            "/ws/.venv/bin/python -m pip install --upgrade --force-reinstall \"ariel-build==0.1.*\""
        );
        assert_eq!(
            upgrade("/ws/.venv/bin/python", "home = /usr/bin\nuv = 0.9.2\n"),
            "uv pip install --python /ws/.venv/bin/python --reinstall \"ariel-build==0.1.*\""
        );
        assert_eq!(
            upgrade("/home/u/.local/share/pipx/venvs/ariel-build/bin/python", ""),
            "pipx install --force \"ariel-build==0.1.*\""
        );
        assert_eq!(
            upgrade("/home/u/.local/share/uv/tools/ariel-build/bin/python", ""),
            "uv tool install --force \"ariel-build==0.1.*\""
        );
    }

    #[test]
    fn a_systems_python_is_not_upgraded() {
        assert_eq!(replace(&Fake::new(), Path::new("/usr/bin/python3"), "ariel-build==0.1.*"), None);
    }
}
