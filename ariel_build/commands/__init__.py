"""The commands, one file each: `add(parser)` declares its arguments, `main(arguments)` returns the exit code.

A file is imported when its command is asked for: `--help` waits for none of them.
"""

__all__ = ["COMMANDS"]

#: What each command does; its file has its name.
COMMANDS = {
    "cargo": "compile the models of a crate into OUT_DIR; called by build.rs through ariel-ml-build",
    "compile": "compile a model into a Rust module and its weights",
    "inspect": "show what a model takes and gives, what it costs, and what is unsupported",
    "run": "run a model on the host or on an emulated board",
    "verify": "compare the generated Rust with the reference, on random inputs, NaN and infinities among them",
    "fit": "show on which boards a model fits, how fast it is there, and what would help where it does not fit",
    "report": "make a page of what a model is and costs: graph, memory over time, timeline of the cores, layers",
    "sweep": "cost many models on many boards with many options, as one table; here or on a Dask cluster",
    "quantize": "make int8 of a float model, with samples to calibrate by; prints the accuracy of both",
    "new": "make a project that builds at once: for a board, an executor and a model",
    "init": "give a model to the crate in this folder: shows the changes, asks, and writes them",
    "test": "write a #[test] with recorded samples into the crate in this folder",
    "profile": "show what each step took on the device, from its log, beside the prediction",
    "boards": "list the boards known",
}
