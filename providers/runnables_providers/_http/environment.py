"""Proxies and trusted certificates, from the configuration or from the environment."""

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


def proxy_for(config: ClientConfig, scheme: str, host: str, port: int) -> str | None:
    """Return the URL of the proxy for a host; None: no proxy.

    Raises:
        ConfigError: the proxy is not an HTTP proxy.
    """
    if config.proxy is not None:
        return _check_scheme(config.proxy, "ClientConfig.proxy") or None
    proxies = getproxies_environment()
    if any(_matches(entry.strip(), host, port) for entry in proxies.get("no", "").split(",")):
        return None
    proxy = proxies.get(scheme) or proxies.get("all") or ""
    return _check_scheme(proxy, f"{scheme.upper()}_PROXY or ALL_PROXY") or None


def _matches(entry: str, host: str, port: int) -> bool:
    """Tell whether an entry of NO_PROXY matches a host.

    An entry is a name (which includes its subdomains), an address, a network (10.0.0.0/8), or a
    star. Names and addresses may have a port.
    """
    if "/" in entry:
        return _is_in_network(host, entry)
    name, _, only = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
    name = name.removeprefix("*").removeprefix(".").strip("[]").lower()
    if (only and only != str(port)) or not entry:
        return False
    return not name or host.lower() == name or host.lower().endswith(f".{name}")


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:  # the host is a name, or the entry is not a network
        return False


def _check_scheme(proxy: str, source: str) -> str:
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and not proxy.lower().startswith(("http://", "https://")):
        scheme = proxy.partition(":")[0]
        raise ConfigError(
            f"{source}: a proxy with the scheme {scheme!r} cannot be used, only http:// and "
            "https://. To reach one host without it, add the host to NO_PROXY."
        )
    return proxy


def tls_context(config: ClientConfig) -> ssl.SSLContext:
    """Return the TLS context that verifies servers; reads files.

    Raises:
        ConfigError: the certificate file does not exist, or has no certificates.
    """
    if not config.verify:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        return ssl.create_default_context(cafile=config.ca_file or _certifi_file())
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"ClientConfig.ca_file={config.ca_file!r}: no certificates: {error}"
        ) from error


def _certifi_file() -> str | None:
    """Return the certificates of `certifi`, if Python finds none of the system.

    Python from python.org finds none on macOS until the last step of its installer was run.
    """
    paths = ssl.get_default_verify_paths()
    if os.name == "nt" or paths.cafile or paths.capath or find_spec("certifi") is None:
        return None
    import certifi

    return certifi.where()
