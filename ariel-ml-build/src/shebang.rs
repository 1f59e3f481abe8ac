//! Which Python a command that pip, pipx or uv installed runs on, read from the command's first lines.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Returns the interpreter of the script at `path`, or the reason why it is not known.
pub(crate) fn interpreter(env: &impl Environment, path: &Path) -> Result<PathBuf, String> {
    let bytes = env.read(path).ok_or_else(|| format!("{} cannot be read", path.display()))?;
    let named = script_of(&bytes).and_then(python_named_in);
    match named {
        Some(python) if python.is_absolute() => Ok(python),
        // `#!/usr/bin/env python3`: on PATH, like any command.
        Some(python) if python.components().count() == 1 => Ok(python),
        // Nothing that we understand (a relocatable script): the interpreter beside what a link leads to is the one.
        _ => env
            .canonical(path)
            .parent()
            .map(|folder| folder.join(if cfg!(windows) { "python.exe" } else { "python" }))
            .filter(|python| env.is_file(python))
            .ok_or_else(|| format!("{} is not a script of Python's", path.display())),
    }
}

/// Returns the first lines of a script; on Windows they stand in an .exe, just before a zip archive.
fn script_of(bytes: &[u8]) -> Option<&str> {
    // Linux reads 256 bytes of a `#!` line; pip's long form has one path more, and no path is longer than 4096.
    const ENOUGH: usize = 2 * 4096;
    let begin = if bytes.starts_with(b"#!") {
        0
    } else if bytes.starts_with(b"MZ") {
        let archive = find(bytes, b"PK\x03\x04").unwrap_or(bytes.len());
        bytes[..archive].windows(2).rposition(|pair| pair == b"#!")?
    } else {
        return None;
    };
    let text = &bytes[begin..bytes.len().min(begin + ENOUGH)];
    match std::str::from_utf8(text) {
        Ok(text) => Some(text),
        // The zip after the line, or a character cut in two: what comes before is enough.
        Err(error) => std::str::from_utf8(&text[..error.valid_up_to()]).ok(),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// Returns the Python that a script's first lines name.
///
/// Three forms: `#!/path/python`; `#!/usr/bin/env python3`; and, where the path is too long for the system or has a
/// space in it, `#!/bin/sh` with `'''exec' "/path/python" "$0" "$@"` on the next line (a string to Python).
fn python_named_in(script: &str) -> Option<PathBuf> {
    let mut lines = script.lines();
    let first = lines.next()?.strip_prefix("#!")?.trim();
    if let Some(command) = lines.next().and_then(|line| line.strip_prefix("'''exec' ")) {
        return python(word(command)?);
    }
    // distlib quotes a path with spaces on Windows.
    let program = word(first)?;
    if is_named(program, "env") {
        let arguments = first[program.len()..].split_whitespace();
        return python(arguments.into_iter().find(|argument| !argument.starts_with('-'))?);
    }
    python(program)
}

/// Returns the first word of a command, its quotes taken off; `None` where a shell would have to expand it.
fn word(command: &str) -> Option<&str> {
    let quote = command.chars().next()?;
    let word = if quote == '"' || quote == '\'' {
        command[1..].split(quote).next()?
    } else {
        command.split_whitespace().next()?
    };
    (!word.contains('$')).then_some(word)
}

fn python(program: &str) -> Option<PathBuf> {
    (is_named(program, "python") || is_named(program, "pypy")).then(|| PathBuf::from(program))
}

/// Whether a program's file name begins with `name`.
fn is_named(program: &str, name: &str) -> bool {
    program.rsplit(['/', '\\']).next().is_some_and(|file| file.to_ascii_lowercase().starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::{python_named_in, script_of};
    use std::path::PathBuf;

    fn named(script: &str) -> Option<String> {
        python_named_in(script).map(|path| path.display().to_string())
    }

    #[test]
    fn plain_shebang() {
        assert_eq!(named("#!/ws/.venv/bin/python\nimport sys\n").as_deref(), Some("/ws/.venv/bin/python"));
        assert_eq!(named("#! /usr/bin/python3.11 -sE\n").as_deref(), Some("/usr/bin/python3.11"));
        assert_eq!(named("#!/opt/pypy3/bin/pypy3\n").as_deref(), Some("/opt/pypy3/bin/pypy3"));
    }

    #[test]
    fn env_shebang_names_a_command_of_path() {
        assert_eq!(named("#!/usr/bin/env python3\n").as_deref(), Some("python3"));
        assert_eq!(named("#!/usr/bin/env -S python3 -s\n").as_deref(), Some("python3"));
    }

    #[test]
    fn long_form_of_pip_and_uv() {
        let pip = "#!/bin/sh\n'''exec' /a/very/long/bin/python3.11 \"$0\" \"$@\"\n' '''\nimport sys\n";
        assert_eq!(named(pip).as_deref(), Some("/a/very/long/bin/python3.11"));
        let spaces = "#!/bin/sh\n'''exec' \"/with a space/bin/python\" \"$0\" \"$@\"\n' '''\n";
        assert_eq!(named(spaces).as_deref(), Some("/with a space/bin/python"));
        let uv = "#!/bin/sh\n'''exec' '/home/u/uv/tools/ariel-build/bin/python' \"$0\" \"$@\"\n' '''\n";
        assert_eq!(named(uv).as_deref(), Some("/home/u/uv/tools/ariel-build/bin/python"));
    }

    #[test]
    fn what_a_shell_must_expand_or_is_no_python_is_not_guessed() {
        assert_eq!(named("#!/bin/sh\n'''exec' \"$(dirname \"$0\")\"/python \"$0\" \"$@\"\n"), None);
        assert_eq!(named("#!/usr/bin/env bash\nexec pyenv\n"), None);
        assert_eq!(named("#!/bin/sh\nexec something\n"), None);
        assert_eq!(named("#!/usr/bin/env\n"), None);
        assert_eq!(named("#!\n"), None);
    }

    #[test]
    fn windows_launchers_carry_the_line_before_their_archive() {
        let mut launcher = b"MZ\x90\x00..#!..".to_vec();
        launcher.extend_from_slice(b"#!\"C:\\Program Files\\venv\\Scripts\\python.exe\"\r\n\xff");
        launcher.extend_from_slice(b"PK\x03\x04..#!/wrong/python\n");
        assert_eq!(
            script_of(&launcher).and_then(python_named_in),
            Some(PathBuf::from("C:\\Program Files\\venv\\Scripts\\python.exe"))
        );
        assert_eq!(script_of(b"\x7fELF binary"), None);
        assert_eq!(script_of(b"MZ no script"), None);
    }

    #[test]
    fn bytes_that_are_no_text_end_the_script() {
        assert_eq!(script_of(b"#!/usr/bin/python3\n\xff\xfe"), Some("#!/usr/bin/python3\n"));
    }
}
