"""The commands of `./firstmate`."""

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def firstmate() -> None:
    """Gives every new employee a peer mentor and a well-run first ninety days."""


@app.command()
def setup() -> None:
    """Make the environment of the tests and benches, and nothing else."""


if __name__ == "__main__":
    app()
