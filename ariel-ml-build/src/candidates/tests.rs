use super::{Candidate, Origin, candidates, workspace_root};
use crate::environment::fake::Fake;
use std::path::{Path, PathBuf};

const PACKAGE: &str = "/ws/firmware";

fn firmware() -> Fake {
    Fake::new()
        .file("/ws/Cargo.toml", "# a workspace\n  [workspace]\nmembers = [\"firmware\"]\n")
        .file("/ws/firmware/Cargo.toml", "[package]\nname = \"firmware\"\n")
        .var("PATH", "/home/u/bin:/usr/bin")
}

fn found(env: &Fake, origin: Origin) -> Candidate {
    candidates(env, Path::new(PACKAGE))
        .into_iter()
        .find(|candidate| candidate.origin == origin)
        .unwrap_or_else(|| panic!("no candidate {origin}"))
}

fn python(env: &Fake, origin: Origin) -> Result<String, String> {
    found(env, origin).python.map(|path| path.display().to_string())
}

#[test]
fn the_order_is_the_contracts() {
    use Origin::{ArielPython, CargoAriel, PackageVenv, Python3, VirtualEnv, WorkspaceVenv};
    let origins: Vec<Origin> = candidates(&firmware(), Path::new(PACKAGE)).iter().map(|c| c.origin).collect();
    assert_eq!(origins, [ArielPython, VirtualEnv, PackageVenv, WorkspaceVenv, CargoAriel, Python3]);
}

#[test]
fn nothing_anywhere_gives_a_reason_for_each() {
    let reasons: Vec<String> =
        candidates(&firmware(), Path::new(PACKAGE)).into_iter().filter_map(|c| c.python.err()).collect();
    assert_eq!(
        reasons,
        [
            "not set",
            "not set",
            "/ws/firmware/.venv does not exist",
            "/ws/.venv does not exist",
            "no cargo-ariel on PATH",
            "no python3 on PATH",
        ]
    );
}

#[test]
fn a_package_that_is_its_own_workspace_has_one_venv() {
    let env =
        Fake::new().file("/ws/firmware/Cargo.toml", "[package]\n\n[workspace]\n").file("/ws/Cargo.toml", "[workspace]");
    let origins = candidates(&env, Path::new(PACKAGE));
    assert!(origins.iter().all(|candidate| candidate.origin != Origin::WorkspaceVenv));
    assert_eq!(workspace_root(&env, Path::new(PACKAGE)), Some(PathBuf::from(PACKAGE)));
    assert_eq!(workspace_root(&Fake::new(), Path::new(PACKAGE)), None);
    let inherited = Fake::new().file("/ws/Cargo.toml", "[workspace.package]\nversion = \"1.0.0\"\n");
    assert_eq!(workspace_root(&inherited, Path::new(PACKAGE)), Some(PathBuf::from("/ws")));
}

#[test]
fn ariel_python_is_a_command_a_path_or_a_venv() {
    let env = firmware()
        .file("/usr/bin/python3.12", "")
        .file("/opt/python/bin/python3", "")
        .file("/ws/tools/venv/bin/python", "")
        .file("/ws/firmware/env/bin/python", "");
    let with = |env: Fake, value: &str| python(&env.var("ARIEL_PYTHON", value), Origin::ArielPython);
    let again = || {
        firmware()
            .file("/opt/python/bin/python3", "")
            .file("/ws/tools/venv/bin/python", "")
            .file("/ws/firmware/env/bin/python", "")
    };
    assert_eq!(with(env, "python3.12").as_deref(), Ok("/usr/bin/python3.12"));
    assert_eq!(with(again(), "/opt/python/bin/python3").as_deref(), Ok("/opt/python/bin/python3"));
    assert_eq!(with(again(), "tools/venv/bin/python").as_deref(), Ok("/ws/tools/venv/bin/python"));
    assert_eq!(with(again(), "tools/venv").as_deref(), Ok("/ws/tools/venv/bin/python"));
    assert_eq!(with(again(), "env").as_deref(), Ok("/ws/firmware/env/bin/python"));
    assert_eq!(with(again(), "python9"), Err("python9 is not there, nor on PATH".to_owned()));
    assert_eq!(with(again(), "/no/python"), Err("/no/python is not there".to_owned()));
}

#[test]
fn a_virtual_environment_is_watched_by_its_configuration() {
    let env = firmware().file("/ws/.venv/bin/python", "").file("/ws/.venv/pyvenv.cfg", "");
    let candidate = found(&env, Origin::WorkspaceVenv);
    assert_eq!(candidate.python, Ok(PathBuf::from("/ws/.venv/bin/python")));
    assert_eq!(candidate.watched, [PathBuf::from("/ws/.venv/pyvenv.cfg")]);
    let active = firmware().var("VIRTUAL_ENV", "/home/u/env").file("/home/u/env/bin/python", "");
    assert_eq!(python(&active, Origin::VirtualEnv).as_deref(), Ok("/home/u/env/bin/python"));
}

#[test]
fn a_venv_without_a_python_says_which_file_is_missing() {
    let env = firmware().var("VIRTUAL_ENV", "/gone").file("/ws/.venv/pyvenv.cfg", "");
    assert_eq!(python(&env, Origin::VirtualEnv), Err("/gone does not exist".to_owned()));
    assert_eq!(python(&env, Origin::WorkspaceVenv), Err("/ws/.venv/bin/python does not exist".to_owned()));
}

#[test]
fn cargo_ariel_leads_to_its_interpreter() {
    let env = firmware().file("/home/u/bin/cargo-ariel", "#!/home/u/pipx/venvs/ariel-build/bin/python\nimport sys\n");
    let candidate = found(&env, Origin::CargoAriel);
    assert_eq!(candidate.python, Ok(PathBuf::from("/home/u/pipx/venvs/ariel-build/bin/python")));
    assert_eq!(candidate.watched, [PathBuf::from("/home/u/bin/cargo-ariel")]);
}

#[test]
fn pipx_links_to_the_script_and_relocatable_scripts_have_python_beside_them() {
    let script = "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python' \"$0\" \"$@\"\n' '''\n";
    let env = firmware()
        .link("/home/u/bin/cargo-ariel", "/home/u/tools/ariel-build/bin/cargo-ariel")
        .file("/home/u/tools/ariel-build/bin/cargo-ariel", script)
        .file("/home/u/tools/ariel-build/bin/python", "");
    assert_eq!(python(&env, Origin::CargoAriel).as_deref(), Ok("/home/u/tools/ariel-build/bin/python"));
}

#[test]
fn cargo_ariel_may_name_a_command_and_must_be_a_script() {
    let env = firmware().file("/home/u/bin/cargo-ariel", "#!/usr/bin/env python3\n").file("/usr/bin/python3", "");
    assert_eq!(python(&env, Origin::CargoAriel).as_deref(), Ok("/usr/bin/python3"));
    let binary = firmware().file("/home/u/bin/cargo-ariel", "\x7fELF");
    assert_eq!(
        python(&binary, Origin::CargoAriel),
        Err("/home/u/bin/cargo-ariel is not a script of Python's".to_owned())
    );
}

#[test]
fn python3_is_the_first_on_path_and_relative_folders_do_not_count() {
    let env = firmware().var("PATH", "bin:/a:/b").file("/a/python3", "").file("/b/python3", "").file("bin/python3", "");
    assert_eq!(python(&env, Origin::Python3).as_deref(), Ok("/a/python3"));
}
