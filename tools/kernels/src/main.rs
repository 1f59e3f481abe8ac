//! `kernels SRC FOLDER`: reads the declarations of the kernels in the runtime crate's sources at SRC, and writes them into FOLDER as
//! Python modules of frozen dataclasses, which the compiler builds calls of. It refuses a kernel whose declaration lacks something.

mod declared;
mod macros;
mod python;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let (Some(src), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: kernels SRC FOLDER");
        return ExitCode::from(2);
    };
    let source = source::Source::read(&src);
    let declared = declared::Declared::new(&source);
    let mut writer = python::Writer::new(&source, &declared);
    let modules = writer.modules();
    if !writer.problems.is_empty() {
        writer.problems.iter().for_each(|problem| eprintln!("{problem}"));
        return ExitCode::FAILURE;
    }
    for (name, text) in modules {
        let path = folder.join(name).with_extension("py");
        if let Err(error) = std::fs::write(&path, text) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
