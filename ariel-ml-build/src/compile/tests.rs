use super::{Outcome, build};
use crate::environment::fake::Fake;

const READY: &str = "ariel-probe: ready 0.1.0\ncargo::rerun-if-changed=Cargo.toml\n";

fn firmware() -> Fake {
    Fake::new()
        .var("CARGO_MANIFEST_DIR", "/fw")
        .var("OUT_DIR", "/fw/target/out")
        .var("PATH", "/usr/bin")
        .file("/fw/Cargo.toml", "[package]\n[workspace]\n")
}

fn errors(outcome: &Outcome) -> Vec<&str> {
    values(outcome, "cargo::error=")
}

fn values<'a>(outcome: &'a Outcome, prefix: &str) -> Vec<&'a str> {
    outcome.directives.iter().filter_map(|line| line.strip_prefix(prefix)).collect()
}

#[test]
fn the_first_with_the_compiler_compiles_and_path_does_not_count() {
    let env = firmware().program("/fw/.venv/bin/python", READY, 0).file("/fw/.venv/pyvenv.cfg", "").program(
        "/usr/bin/python3",
        "ariel-probe: absent\n",
        0,
    );
    let outcome = build(&env);
    assert_eq!(
        outcome.directives,
        [
            "cargo::rerun-if-env-changed=ARIEL_PYTHON",
            "cargo::rerun-if-env-changed=VIRTUAL_ENV",
            "cargo::rerun-if-env-changed=PYTHONPATH",
            "cargo::rerun-if-changed=/fw/.venv/pyvenv.cfg",
            "cargo::rerun-if-changed=Cargo.toml",
        ]
    );
    assert!(!outcome.dump);
}

#[test]
fn path_counts_where_it_decided() {
    let outcome = build(&firmware().program("/usr/bin/python3", READY, 0));
    assert!(outcome.directives.contains(&"cargo::rerun-if-env-changed=PATH".to_owned()));
}

#[test]
fn none_lists_every_place_and_the_commands() {
    let env = firmware().var("VIRTUAL_ENV", "/gone").program("/usr/bin/python3", "ariel-probe: absent\n", 0);
    let outcome = build(&env);
    let errors = errors(&outcome);
    assert_eq!(errors[0], "no Python has ariel_build 0.1, which compiles the models of this package");
    assert_eq!(
        errors[1..6],
        [
            "  tried ARIEL_PYTHON: not set",
            "  tried VIRTUAL_ENV: /gone does not exist",
            "  tried .venv of the package: /fw/.venv does not exist",
            "  tried cargo-ariel on PATH: no cargo-ariel on PATH",
            "  tried python3 on PATH: /usr/bin/python3 has no ariel_build",
        ]
    );
    assert!(
        errors[6].starts_with("  help, for this project:  python3 -m venv /fw/.venv && /fw/.venv/bin/python -m pip")
    );
    assert!(errors[7].starts_with("  help, for this user:     pipx install "));
    assert_eq!(errors.len(), 8);
    assert!(!outcome.dump, "cargo's report stays short");
}

#[test]
fn without_a_recent_python_that_is_said_too() {
    let outcome = build(&firmware().program("/usr/bin/python3", "ariel-probe: python 3.9\n", 0));
    let errors = errors(&outcome);
    assert!(errors.contains(&"  tried python3 on PATH: /usr/bin/python3 is Python 3.9; 3.11 or newer is needed"));
    assert!(errors.last().is_some_and(|line| line.contains("Python 3.11 or newer is needed first")));
    let newer = firmware()
        .var("ARIEL_PYTHON", "/opt/python3.12")
        .program("/opt/python3.12", "ariel-probe: absent\n", 0)
        .program("/usr/bin/python3", "ariel-probe: python 3.9\n", 0);
    let outcome = build(&newer);
    assert!(self::errors(&outcome).iter().any(|line| line.contains("/opt/python3.12 -m venv /fw/.venv && ")));
}

#[test]
fn too_old_and_too_new_get_the_exact_upgrade() {
    let with = |version: &str| {
        firmware()
            .program("/fw/.venv/bin/python", &format!("ariel-probe: version {version}\n"), 0)
            .file("/fw/.venv/pyvenv.cfg", "home = /usr/bin\n")
    };
    let old = build(&with("0.0.9"));
    let old = errors(&old);
    assert_eq!(old[0], "ariel_build 0.0.9 is too old for ariel-ml-build 0.1.0");
    assert!(
        old.contains(&"  tried .venv of the package: /fw/.venv/bin/python has ariel_build 0.0.9, which is too old")
    );
    assert!(
        old.iter().any(|line| {
            line.starts_with("  help: /fw/.venv/bin/python -m pip install --upgrade --force-reinstall ")
        })
    );
    let new = build(&with("0.2.1"));
    let new = errors(&new);
    assert_eq!(new[0], "ariel_build 0.2.1 is too new for ariel-ml-build 0.1.0");
    assert_eq!(new.last(), Some(&"  help: or set ariel-ml-rs and ariel-ml-build to \"0.2\" in Cargo.toml"));
}

#[test]
fn one_that_was_named_or_half_fits_is_not_passed_over_in_silence() {
    let env = firmware()
        .var("ARIEL_PYTHON", "/opt/python3.12")
        .program("/opt/python3.12", "ariel-probe: absent\n", 0)
        .program("/fw/.venv/bin/python", "ariel-probe: incomplete No module named 'onnx'\n", 0)
        .program("/usr/bin/python3", READY, 0);
    let outcome = build(&env);
    assert_eq!(
        values(&outcome, "cargo::warning="),
        [
            "ARIEL_PYTHON: /opt/python3.12 has no ariel_build; another Python was used",
            ".venv of the package: /fw/.venv/bin/python has an ariel_build that lacks something: \
             No module named 'onnx'; another Python was used",
        ]
    );
    assert!(errors(&outcome).is_empty());
}

#[test]
fn the_users_errors_pass_and_ours_are_dumped() {
    let said = |code: i32, stdout: &str| {
        build(&firmware().program("/usr/bin/python3", &format!("ariel-probe: ready 0.1.0\n{stdout}"), code))
    };
    let users = said(2, "cargo::error=unknown key\n");
    assert_eq!((errors(&users), users.dump), (vec!["unknown key"], false));
    let ours = said(70, "cargo::error=a defect\n");
    assert_eq!((errors(&ours), ours.dump), (vec!["a defect"], true));
    let silent = said(1, "");
    assert_eq!(errors(&silent), ["ariel_build ended with exit code 1 without saying why; its output follows"]);
    assert!(silent.dump);
}

#[test]
fn the_same_python_is_asked_once() {
    let env = firmware().var("VIRTUAL_ENV", "/fw/.venv").program("/fw/.venv/bin/python", "ariel-probe: absent\n", 0);
    let outcome = build(&env);
    assert!(errors(&outcome).contains(&"  tried .venv of the package: the same as VIRTUAL_ENV"));
}

#[test]
fn what_cannot_be_run_is_a_reason() {
    let outcome = build(&firmware().file("/usr/bin/python3", ""));
    assert!(errors(&outcome).iter().any(|line| line.contains("/usr/bin/python3 cannot be run: ")));
}

#[test]
fn outside_a_build_script_it_says_so() {
    let outcome = build(&Fake::new());
    assert_eq!(errors(&outcome).len(), 1);
    assert!(outcome.dump);
}

#[test]
fn a_line_break_in_a_path_begins_no_directive() {
    let env = firmware().var("VIRTUAL_ENV", "/gone\ncargo::rustc-cfg=evil");
    assert!(build(&env).directives.iter().all(|line| !line.contains('\n')));
}

#[test]
fn one_that_hangs_is_told_and_no_other_is_asked() {
    let env = firmware().hanging("/fw/.venv/bin/python").program("/usr/bin/python3", READY, 0);
    let outcome = build(&env);
    let errors = errors(&outcome);
    assert_eq!(errors[0], ".venv of the package: /fw/.venv/bin/python did not come to an end, and was stopped");
    assert!(errors[1].contains("ARIEL_TIMEOUT"), "{errors:?}");
    assert_eq!(errors.len(), 2);
    assert!(!outcome.dump);
}
