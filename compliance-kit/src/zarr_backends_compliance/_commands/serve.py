"""The command that starts a server for trying things out."""

from __future__ import annotations

import threading

import click

__all__ = ["serve_command"]


@click.command("serve")
@click.argument("name", required=False)
def serve_command(name: str | None) -> None:
    """Start a server of the extra `services` until Ctrl-C; without NAME, list them."""
    from zarr_backends_compliance import services  # noqa: PLC0415  # needs an extra

    if name is None:
        click.echo("\n".join(services.list_services()))
        return
    if name not in services.list_services():
        message = f"no service is named {name!r}: {', '.join(services.list_services())}"
        raise click.UsageError(message)
    try:
        service = services.serve(name)
    except services.ServiceError as error:
        raise click.UsageError(str(error)) from error
    with service:
        click.echo(f"url: {getattr(service, 'url', f'{service.host}:{service.port}')}")
        for option, value in getattr(service, "options", {}).items():
            click.echo(f"{option}: {value}")
        click.echo("Ctrl-C ends it.", err=True)
        threading.Event().wait()
