"""Tools of MCP servers, with the SDK of MCP as the other end."""
