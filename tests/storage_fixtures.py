"""Storages of each kind, with servers that the tests start."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from gitxp.sharing.places import open_place
from ssh_server import SshServer, needs_sshd
from storages import disconnect, open_ssh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitxp.sharing.places import Place


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on this machine, for as long as the tests of this file."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ssh_server(tmp_path: Path, seal: Path) -> Iterator[int]:
    """The port of an ssh server on this machine that knows our key; known_hosts says nothing of it yet."""
    import asyncssh

    keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("host", "user")}
    (seal / ".ssh").mkdir(mode=0o700)
    keys["user"].write_private_key(str(seal / ".ssh" / "id_ed25519"))
    keys["user"].write_public_key(str(tmp_path / "authorized"))
    keys["host"].write_public_key(str(tmp_path / "host.pub"))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[keys["host"]],
            authorized_client_keys=str(tmp_path / "authorized"),
            sftp_factory=True,
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    yield server.get_port()

    async def stop() -> None:
        server.close()
        await server.wait_closed()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["folder", "s3", "ssh", pytest.param("sshd", marks=needs_sshd)])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, seal: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """An empty place of each kind."""
    if request.param == "sshd":
        with SshServer(str(tmp_path / "sshd")) as server:
            (seal / ".ssh").mkdir(mode=0o700)
            shutil.copy(server.path("user"), seal / ".ssh" / "id_ed25519")
            (seal / ".ssh" / "known_hosts").write_text(server.host_line())
            opened = open_place(server.url(str(tmp_path / "storage")), str(tmp_path))
            yield opened
            disconnect(opened)
        return
    if request.param == "ssh":
        with open_ssh(request.getfixturevalue("ssh_server"), tmp_path, seal) as opened:
            yield opened
        return
    if request.param == "folder":
        yield open_place("storage", str(tmp_path))
        return
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_server"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    bucket = f"bucket-{os.urandom(6).hex()}"
    import fsspec

    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    yield open_place(f"s3://{bucket}/a/prefix", str(tmp_path))
