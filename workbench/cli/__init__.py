"""The `workbench` command: parse, call, print. Nothing is decided here."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from workbench.cli.root import app
from workbench.core.errors import WorkbenchError

EXTRAS = {
    "pandas": "research",
    "plotly": "research",
    "papermill": "research",
    "vectorbt": "vectorbt",
    "psycopg": "live",
    "aiohttp": "live",
    "cryptography": "live",
}


def main() -> None:
    """Runs the command line; exits with the code that the error's kind names."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # `python -m workbench` sees the user's own modules; so does the script
    try:
        app()  # what is wrong with the words themselves ends in there, with 2
    except WorkbenchError as error:
        sys.stderr.write(f"workbench: {error}\n")
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(str(error.name).partition(".")[0])
        if extra is None:
            raise
        sys.stderr.write(f"workbench: this command needs {error.name}; install quant-workbench[{extra}]\n")
        sys.exit(2)
    except OSError as error:  # the disk's or the path's fault, not ours: permissions, a folder where a file is due
        if error.filename is None:
            raise
        sys.stderr.write(f"workbench: {error.filename2 or error.filename}: {error.strerror}\n")
        sys.exit(2)
    except Exception:  # our own bug: show it whole, so that it can be mended
        traceback.print_exc()
        sys.exit(1)
