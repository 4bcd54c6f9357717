"""The `workbench` command: parse, call, print. Nothing is decided here."""

from __future__ import annotations

import sys
import traceback

import click
import typer

from workbench.core.errors import WorkbenchError

app = typer.Typer(
    name="workbench",
    help="From a notebook to a backtest, a release, a paper run: one strategy, the same decisions, exact money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Runs the command line; exits with the code that the error's kind names."""
    from workbench.cli import backtest, data, inspect, journal, project, run  # noqa: F401 - they register commands

    try:
        result = app(standalone_mode=False)
    except WorkbenchError as error:
        sys.stderr.write(f"workbench: {error}\n")
        sys.exit(error.exit_code)
    except click.exceptions.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.stderr.write("workbench: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output is gone; there is nobody to tell
        sys.exit(0)
    except Exception:  # our own bug: show it whole, so that it can be mended
        traceback.print_exc()
        sys.exit(1)
    sys.exit(result if isinstance(result, int) else 0)
