# What build.rs has a candidate run: `python -c THIS 0.1`. Answers in one line whether this interpreter has an
# ariel_build of that minor version, and if so goes on as its `cargo` command, so that Python starts once.
# Must be read without complaint by any Python, Python 2 included: no f-strings, no annotations.
import sys


def answer(text):
    sys.stdout.write("ariel-probe: " + " ".join(text.split()) + "\n")
    sys.stdout.flush()


if sys.version_info < (3, 11):
    answer("python %d.%d" % sys.version_info[:2])
    sys.exit(0)
try:
    import ariel_build

    version = ariel_build.__version__
except (ImportError, AttributeError):  # AttributeError: some folder of that name
    answer("absent")
    sys.exit(0)
if version.split(".")[:2] != sys.argv[1].split("."):
    answer("version " + version)
    sys.exit(0)
try:
    import ariel_build.cargo  # and all that it stands on: numpy, onnx, tomlkit
except ImportError as error:
    answer("incomplete " + str(error))
    sys.exit(0)

# What `python -m ariel_build cargo` calls, without the other commands' modules: a sixth of the time until then.
answer("ready " + version)
sys.exit(ariel_build.cargo.main())
