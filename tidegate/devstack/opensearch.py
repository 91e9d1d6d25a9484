"""OpenSearch from its Maven artifacts: one node that is a whole cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import httpx

from tidegate.devstack.component import Component
from tidegate.devstack.java import find_java
from tidegate.devstack.maven_artifacts import fetch_jars
from tidegate.devstack.ports import LOOPBACK

VERSION = "2.19.6"
"""The newest that runs on Java 17; 3.x needs Java 21."""

_SERVER = (
    f"org.opensearch:opensearch:{VERSION}",
    f"org.opensearch:opensearch-plugin-classloader:{VERSION}",
    "org.apache.logging.log4j:log4j-core:2.25.4",
)
_TRANSPORT = (f"org.opensearch.plugin:transport-netty4-client:{VERSION}",)
_CACHE_NAME = f"opensearch-{VERSION}"
_TRANSPORT_CACHE_NAME = f"opensearch-transport-netty4-{VERSION}"
_LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_DESCRIPTOR = f"""\
description=HTTP and transport on Netty
version={VERSION}
name=transport-netty4
classname=org.opensearch.transport.Netty4Plugin
java.version=11
opensearch.version={VERSION}
has.native.controller=false
"""
_POLICY = """\
grant codeBase "${codebase.netty-common}" {
  permission java.net.SocketPermission "*", "accept,connect,listen,resolve";
  permission java.lang.RuntimePermission "getClassLoader";
  permission java.lang.RuntimePermission "setContextClassLoader";
  permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
};
grant codeBase "${codebase.netty-transport}" {
  permission java.net.SocketPermission "*", "accept,connect,listen,resolve";
  permission java.util.PropertyPermission "sun.nio.ch.bugLevel", "write";
};
"""
_SETTINGS: Mapping[str, str] = {
    "cluster.name": "tidegate",
    "node.name": "tidegate",
    "network.host": LOOPBACK,
    "discovery.type": "single-node",
    # A developer's disk that is 95 % full is no reason to refuse a test's documents.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
}


class OpenSearch(Component):
    """A node that keeps its data over restarts and kills; without the security plugin, open to this machine.

    Needs Java 11 or newer; Maven only the first time, to fetch the jars into the cache.

    Args:
        state_dir: directory shared by all processes of one stack.
        settings: settings of ``opensearch.yml`` that replace or add to the defaults.
        name: unique in ``state_dir``.
        start_timeout: seconds from start to readiness.
    """

    KIND: ClassVar[str] = "opensearch"
    PORTS: ClassVar[tuple[str, ...]] = ("http", "transport")

    def __init__(
        self,
        state_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        name: str | None = None,
        start_timeout: float = 90.0,
    ) -> None:
        super().__init__(state_dir, name=name, start_timeout=start_timeout)
        self.settings = {**_SETTINGS, **(settings or {})}

    @property
    def url(self) -> str:
        """Base URL of the REST API."""
        return f"http://{LOOPBACK}:{self.port('http')}"

    @property
    def _home(self) -> Path:
        return self.directory / "home"

    def _prepare(self) -> None:
        config = self._home / "config"
        transport = self._home / "modules" / "transport-netty4"
        for directory in (config, transport, self._home / "plugins", self.directory / "tmp"):
            directory.mkdir(parents=True, exist_ok=True)
        settings = {
            **self.settings,
            "path.data": str(self.directory / "data"),
            "path.logs": str(self.directory / "logs"),
            "http.port": str(self.port("http")),
            "transport.port": str(self.port("transport")),
        }
        (config / "opensearch.yml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        (config / "log4j2.properties").write_text(_LOG4J)
        (transport / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
        (transport / "plugin-security.policy").write_text(_POLICY)
        # The node refuses a module's jar that is on the class path as well, so the two are apart; and the policy of a
        # module holds for the files in its folder only, so they are copies (hard links where they can be).
        for jar in fetch_jars(_TRANSPORT_CACHE_NAME, _TRANSPORT).glob("*.jar"):
            _link(jar, transport / jar.name)

    def _command(self) -> Sequence[str]:
        jars = fetch_jars(_CACHE_NAME, _SERVER)
        return [
            find_java("OpenSearch"),
            *("-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"),
            # Java 18 and newer let a program set a security manager only when told to.
            "-Djava.security.manager=allow",
            f"-Djava.io.tmpdir={self.directory / 'tmp'}",
            # Without JNA's native part the node can not see that it is started by root, which it would refuse.
            *("-Djna.nosys=true", "-Djna.nounpack=true"),
            "-Dlog4j2.disable.jmx=true",
            # The other selector asks for class loaders, which the node's own policy forbids, and so hangs its shutdown.
            "-Dlog4j2.contextSelector=org.apache.logging.log4j.core.selector.BasicContextSelector",
            *(f"-Dopensearch.path.home={self._home}", f"-Dopensearch.path.conf={self._home / 'config'}"),
            "-Dopensearch.distribution.type=tar",
            *("-cp", f"{jars}/*"),
            "org.opensearch.bootstrap.OpenSearch",
        ]

    def _probe(self) -> None:
        health = {"wait_for_status": "yellow", "timeout": "1s"}
        httpx.get(f"{self.url}/_cluster/health", params=health, timeout=3.0, trust_env=False).raise_for_status()


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        target.hardlink_to(source)
    except OSError:
        target.write_bytes(source.read_bytes())
