"""Proxies and trusted certificates: what a setup says, or else the environment."""

from __future__ import annotations

import os
import ssl
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.request import getproxies_environment

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from runnables_providers._http.types import ClientConfig


def proxy_for(setup: ClientConfig, scheme: str, host: str, port: int) -> str | None:
    """The proxy through which to reach a host; None: none.

    Raises:
        ConfigError: a proxy that is not spoken to over HTTP.
    """
    if setup.proxy is not None:
        return _checked(setup.proxy, "Setup.proxy") or None
    proxies = getproxies_environment()
    if any(_names(it.strip(), host, port) for it in proxies.get("no", "").split(",")):
        return None
    found = proxies.get(scheme) or proxies.get("all") or ""
    return _checked(found, f"{scheme.upper()}_PROXY or ALL_PROXY") or None


def _names(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY speaks of a host.

    It may be a name (its subdomains, too), an address, a network (10.0.0.0/8), each of the first
    two with a port, or a star.
    """
    if "/" in entry:
        return _is_within(host, entry)
    name, _, only = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
    name = name.removeprefix("*").removeprefix(".").strip("[]").lower()
    if (only and only != str(port)) or not entry:
        return False
    return not name or host.lower() == name or host.lower().endswith(f".{name}")


def _is_within(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:  # the host is a name, or the entry no network
        return False


def _checked(proxy: str, where: str) -> str:
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        scheme = proxy.partition(":")[0]
        raise ConfigError(
            f"{where}: a proxy of the kind {scheme!r} cannot be used, only http:// and https://. "
            "To go without it for one host, name that in NO_PROXY."
        )
    return proxy


def tls_context(setup: ClientConfig) -> ssl.SSLContext:
    """What proves that a server is who it says; reads files.

    Raises:
        ConfigError: a file of certificates that is not there, or has none.
    """
    if not setup.verify:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=setup.ca_file or _spare())
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"Setup.ca_file={setup.ca_file!r}: no certificates: {error}") from error


def _spare() -> str | None:
    """The certificates of `certifi`, where the system has none that Python knows of.

    So it is with Python from python.org on macOS, until its installer's last step was done.
    """
    paths = ssl.get_default_verify_paths()
    if os.name == "nt" or paths.cafile or paths.capath or find_spec("certifi") is None:
        return None
    import certifi

    return certifi.where()
