"""Ceph's S3 gateway, before a whole cluster of one monitor and one store in memory.

The programs are the system's. `kill`, `freeze` and `restart` concern the gateway, which keeps
nothing: the data lives on in the store behind it, until `stop`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import uuid
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from zarr_backends_compliance.services._errors import ServiceUnavailableError
from zarr_backends_compliance.services._guarding import Command, Guard
from zarr_backends_compliance.services._http import ask, demand
from zarr_backends_compliance.services._ports import HOST, free_port, is_listening
from zarr_backends_compliance.services._processes import ServerProcess
from zarr_backends_compliance.services._service import Service
from zarr_backends_compliance.services._signing import signed_headers

__all__ = ["start"]

_NAME = "ceph"

_PROGRAMS = (
    *("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw"),
    "radosgw-admin",
)

_BUCKET = "zarr"

_REGION = "us-east-1"

_SETTINGS = {
    "global": {
        "ms_bind_ipv6": "false",
        "public_addr": HOST,
        "cluster_addr": HOST,
        # Between its own parts, not for clients.
        "auth_cluster_required": "none",
        "auth_service_required": "none",
        "auth_client_required": "none",
        # One store: no copies, and few placement groups for many pools.
        "osd_pool_default_size": "1",
        "osd_pool_default_min_size": "1",
        "osd_pool_default_pg_num": "1",
        "osd_pool_default_pgp_num": "1",
        "osd_crush_chooseleaf_type": "0",
        "mon_allow_pool_size_one": "true",
        "mon_max_pg_per_osd": "1000",
        "log_to_stderr": "true",
        "mon_cluster_log_to_file": "false",
    },
    "mon": {
        "mon_data_avail_crit": "1",
        # Each of the many changes at the start is agreed upon; by default after a second.
        "paxos_propose_interval": "0.05",
        "paxos_min_wait": "0.01",
    },
    "osd": {
        "osd_objectstore": "memstore",
        "memstore_device_bytes": str(2 * 1024**3),
        "osd_memory_target": "939524096",  # the least that it accepts
        "osd_class_load_list": "*",
        "osd_class_default_list": "*",
    },
    "client": {
        "ms_mon_client_mode": "crc",  # its own default mode needs what auth "none" leaves out
        "rgw_enable_apis": "s3, admin",
        "rgw_thread_pool_size": "64",
        # A quota is in force at once.
        "rgw_bucket_quota_ttl": "0",
        "rgw_user_quota_bucket_sync_interval": "0",
    },
}
"""Section, name and value of the cluster's settings that are the same each time."""


def start(quota_mb: int | None = None) -> Service:
    """Start a cluster with two users and one bucket, named "zarr", of the first of them.

    Args:
        quota_mb: How much the first user may store, in MB; what is beyond is refused with 403
            and "QuotaExceeded". By default there is no such limit.

    Returns:
        The service; its options are ``endpoint_url``, ``bucket``, ``region``, ``key``,
        ``secret``, and ``other_key`` and ``other_secret`` of a user without rights on the
        bucket.

    Raises:
        ServiceUnavailableError: It is not installed here.
        ServiceStartError: It does not start.
    """
    _require_programs()
    port = free_port()
    users = {name: (secrets.token_hex(8), secrets.token_hex(16)) for name in ("zarr", "other")}
    with Guard() as guard:
        _write_config(guard.folder, port)
        _start_monitor(guard)
        _start_store(guard)
        gateway = _server(
            guard, "radosgw", ["-n", "client.admin"], lambda: ask(port, "/") == HTTPStatus.OK
        )
        gateway.start()
        for name, (key, secret) in users.items():
            _add_user(guard, name, key, secret)
        headers = signed_headers("PUT", port, f"/{_BUCKET}", *users["zarr"])
        demand(port, f"/{_BUCKET}", "PUT", b"", headers)
        if quota_mb is not None:
            _limit(guard, quota_mb)
    url = f"http://{HOST}:{port}"
    options = {
        "endpoint_url": url,
        "bucket": _BUCKET,
        "region": _REGION,
        "key": users["zarr"][0],
        "secret": users["zarr"][1],
        "other_key": users["other"][0],
        "other_secret": users["other"][1],
    }
    return Service(_NAME, guard, [gateway], port=port, url=url, options=options)


def _require_programs() -> None:
    """See that all programs are there.

    Raises:
        ServiceUnavailableError: One is not.
    """
    missing = [program for program in _PROGRAMS if not shutil.which(program)]
    if missing:
        remedy = "on Debian, apt-get install radosgw ceph-mon ceph-osd"
        raise ServiceUnavailableError(_NAME, f"no program {', '.join(missing)}", remedy)
    if os.geteuid() != 0:
        raise ServiceUnavailableError(_NAME, "Ceph's programs want to be root", "run as root")


def _write_config(folder: Path, port: int) -> None:
    """Write the cluster's configuration."""
    placed = {
        "fsid": str(uuid.uuid4()),
        "mon_host": f"[v2:{HOST}:{free_port()},v1:{HOST}:{free_port()}]",
        "run_dir": str(folder),
        "crash_dir": str(folder),
        "keyring": str(folder / "keyring"),
        "admin_socket": str(folder / "$name.$pid.asok"),
        "pid_file": "",
        "log_file": "",
        "mon_data": str(folder / "mon"),
        "osd_data": str(folder / "osd"),
        # Without it each answer waits 40 ms for an acknowledgement.
        "rgw_frontends": f"beast endpoint={HOST}:{port} tcp_nodelay=1",
    }
    lines = []
    for section, settings in _SETTINGS.items():
        lines.append(f"[{section}]")
        extra = placed if section == "global" else {}
        lines += [f"{name} = {value}" for name, value in (settings | extra).items()]
    (folder / "ceph.conf").write_text("\n".join([*lines, ""]))
    for part in ("mon", "osd"):
        (folder / part).mkdir()


def _start_monitor(guard: Guard) -> None:
    """Make the keys, the first map and the monitor's data; then start the monitor."""
    keyring, monmap = guard.folder / "keyring", guard.folder / "monmap"
    config = dict(
        line.split(" = ", 1)
        for line in (guard.folder / "ceph.conf").read_text().splitlines()
        if " = " in line
    )
    everything = [text for part in ("mon", "osd", "mgr") for text in ("--cap", part, "allow *")]
    _run(guard, "ceph-authtool", "-C", keyring, "--gen-key", "-n", "mon.", *everything[:3])
    _run(guard, "ceph-authtool", keyring, "--gen-key", "-n", "client.admin", *everything)
    address = ("--addv", "a", config["mon_host"], "--fsid", config["fsid"])
    _run(guard, "monmaptool", "--create", *address, monmap)
    _run(guard, "ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
    port = int(config["mon_host"].split(",")[0].rpartition(":")[2])
    _server(guard, "ceph-mon", ["-i", "a"], lambda: is_listening(port)).start()


def _start_store(guard: Guard) -> None:
    """Tell the monitor of a store, and start that."""
    identity = str(uuid.uuid4())
    _run(guard, "ceph", "osd", "new", identity)
    _run(guard, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", identity)
    # The gateway waits for it.
    _server(guard, "ceph-osd", ["-i", "0"], lambda: True).start()


def _add_user(guard: Guard, name: str, key: str, secret: str) -> None:
    """Make a user of the gateway."""
    who = (f"--uid={name}", f"--display-name={name}")
    _run(
        guard, "radosgw-admin", "user", "create", *who, f"--access-key={key}", f"--secret={secret}"
    )


def _limit(guard: Guard, quota_mb: int) -> None:
    """Limit what the first user may store."""
    which = ("--quota-scope=user", "--uid=zarr")
    _run(guard, "radosgw-admin", "quota", "set", *which, f"--max-size={quota_mb}M")
    _run(guard, "radosgw-admin", "quota", "enable", *which)


def _server(
    guard: Guard, program: str, arguments: list[str], is_ready: Callable[[], bool]
) -> ServerProcess:
    """Return one of the cluster's servers, in the foreground."""
    return ServerProcess(guard, program, _command(guard, program, *arguments, "-f"), is_ready)


def _run(guard: Guard, program: str, *arguments: str | Path) -> None:
    """Run one of Ceph's tools."""
    guard.run(_command(guard, program, *arguments))


def _command(guard: Guard, program: str, *arguments: str | Path) -> Command:
    """Return a command that concerns this cluster."""
    return Command([program, *arguments], env={"CEPH_CONF": str(guard.folder / "ceph.conf")})
